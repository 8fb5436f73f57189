"""Where settings come from besides the environment and ``.env``: files that hold a secret each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from hadron_tasks.errors import ConfigurationError


class SecretFiles(PydanticBaseSettingsSource):
    """A secret setting may stand in a file that ``NAME_FILE`` names, as containers keep secrets.

    ``HADRON_REDIS_PASSWORD_FILE=/run/secrets/redis_password``, for example; white space around
    the secret is cut off. The variable itself counts before the file.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The file's content, or None where no file is named.

        Raises:
            ConfigurationError: The file cannot be read; names the variable.
        """
        if _is_secret(field):
            for variable in variables(self.settings_cls, field, field_name):
                path = os.environ.get(f"{variable}_FILE")
                if path:
                    return _read_secret(f"{variable}_FILE", Path(path)), field_name, False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Every secret that stands in a file and was not given otherwise."""
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            if not _given(self.current_state, field, name):
                value, key, _ = self.get_field_value(field, name)
                if value is not None:
                    found[key] = value
        return found


class SecretFileSettings(BaseSettings):
    """Settings of which the secrets may stand in files."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment counts before ``.env``, and both before a file."""
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls)


def _given(state: Mapping[str, Any], field: FieldInfo, name: str) -> bool:
    names = {name.lower()}
    if isinstance(field.validation_alias, AliasChoices):
        names |= {str(choice).lower() for choice in field.validation_alias.choices}
    return any(key.lower() in names for key in state)


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)


def variables(settings: type[BaseSettings], field: FieldInfo, name: str) -> list[str]:
    """The variables that set a field; the first is the one to tell people."""
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice) for choice in field.validation_alias.choices if str(choice).isupper()]
    return [f"{settings.model_config.get('env_prefix', '')}{name}".upper()]


def _read_secret(variable: str, path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(
            f"{variable} names a file that cannot be read ({error.strerror}: {path})."
        ) from None

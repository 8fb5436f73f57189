"""A ``docker`` on the path, for the commands of the deployment guide where no engine runs.

It takes those of ``docker`` and ``docker compose`` that the guide and its scripts use, and does to
the processes of a :class:`~local_containers.LocalFleet` what docker would do to containers. A
command or an option that it does not know fails, as docker's would.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Collection
from typing import Any

from compose_file import command_of
from container import Container, end
from local_containers import LocalFleet

_PROGRAM = f"""#!{sys.executable}
import json, os, socket, sys
asked = socket.socket(socket.AF_UNIX)
asked.connect({{address!r}})
asked.sendall(json.dumps(sys.argv[1:]).encode())
asked.shutdown(socket.SHUT_WR)
answer = json.loads(asked.makefile("rb").read())
if "command" in answer:
    os.chdir(answer["directory"])
    os.execvpe(answer["command"][0], answer["command"], answer["env"])
print(answer["error"], end="", file=sys.stderr)
sys.exit(bool(answer["error"]))
"""

Answer = dict[str, Any]


class DockerStandIn:
    """Does what ``docker`` is asked, until it is closed.

    Args:
        fleet: Whose containers.
        here: The services that it runs; others of the file are left out silently.
    """

    def __init__(self, fleet: LocalFleet, here: Collection[str]) -> None:
        self._fleet, self._here = fleet, frozenset(here)
        address = fleet.directory / "docker.sock"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(address))
        self._listening.listen()
        program = fleet.programs / "docker"
        program.write_text(_PROGRAM.format(address=str(address)))
        program.chmod(0o755)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                asked, _ = self._listening.accept()
            except OSError:
                return
            with asked, asked.makefile("rb") as words:
                try:
                    answer = self._answer(json.loads(words.read()))
                except (Exception, SystemExit) as error:  # noqa: BLE001 - the test is to see it
                    answer = {"error": f"docker's stand-in: {error}\n"}
                asked.sendall(json.dumps(answer).encode())

    def _answer(self, words: list[str]) -> Answer:
        verbs: dict[tuple[str, ...], Callable[[list[str]], Answer | None]] = {
            ("compose", "up"): self._up,
            ("compose", "exec"): self._exec,
            ("compose", "run"): self._exec,
            ("compose", "stop"): self._stop,
            ("compose", "restart"): self._restart,
            ("compose", "down"): self._stop,
            ("compose", "build"): lambda _words: None,
            ("stop",): lambda names: end([self._named(name) for name in names]),
            ("rm",): self._forget,
            ("volume", "rm"): self._remove_volumes,
        }
        if words[:2] == ["compose", "--profile"]:
            del words[1:3]
        for verb, do in verbs.items():
            if tuple(words[: len(verb)]) == verb:
                return do(words[len(verb) :]) or {"error": ""}
        raise ValueError(f"unknown: {words}")

    # docker compose

    def _up(self, words: list[str]) -> None:
        options = argparse.ArgumentParser(exit_on_error=False)
        for flag in ("--detach", "--wait", "--no-deps", "--no-recreate", "--build"):
            options.add_argument(flag, "-d" if flag == "--detach" else flag, action="store_true")
        options.add_argument("--scale", action="append", default=[])
        options.add_argument("services", nargs="*")
        asked = options.parse_args(words)
        wanted = self._with_needs(asked.services) if not asked.no_deps else set(asked.services)
        if not asked.no_recreate:
            changed = [c for c in self._running(wanted) if self._is_changed(c)]
            end(changed)
            for container in changed:
                del self._fleet.containers[container.name]
        scaled = (line.split("=") for line in asked.scale)
        self._fleet.up(wanted & self._here, {service: int(count) for service, count in scaled})

    def _with_needs(self, services: list[str]) -> set[str]:
        wanted = set(services or self._fleet.services)
        while (
            needs := {
                need
                for service in wanted
                for need in self._fleet.services[service].get("depends_on", {})
                if need in self._fleet.services
            }
            - wanted
        ):
            wanted |= needs
        return wanted

    def _is_changed(self, container: Container) -> bool:
        _, env = self._fleet.words_in(container.service, [])
        return container.env != env | {"HOSTNAME": container.name}

    def _exec(self, words: list[str]) -> Answer:
        while words[0].startswith("-"):
            if words.pop(0) not in ("-T", "--rm", "--no-deps"):
                raise ValueError("an unknown option")
        service, *command = words
        command = command or command_of(self._fleet.services[service])
        found, env = self._fleet.words_in(service, command)
        if service == "postgres":  # within the image, its own socket asks for no password
            env |= {
                "PGHOST": "127.0.0.1",
                "PGPORT": self._fleet.shared_ports["5432"],
                "PGPASSWORD": self._fleet.secret("postgres_password"),
            }
        return {"command": found, "env": env, "directory": str(self._fleet.directory)}

    def _stop(self, services: list[str]) -> None:
        self._fleet.stop(services or self._here)

    def _restart(self, services: list[str]) -> None:
        containers = self._running(services)
        end(containers)
        for container in containers:
            container.start()
        self._fleet.await_healthy(containers)

    # docker

    def _named(self, name: str) -> Container:
        return self._fleet.containers[name.removeprefix("hadron-")]

    def _running(self, services: Collection[str]) -> list[Container]:
        return [c for service in services for c in self._fleet.of(service)]

    def _forget(self, names: list[str]) -> None:
        for name in names:
            assert not self._named(name).is_running()
            del self._fleet.containers[name.removeprefix("hadron-")]

    def _remove_volumes(self, names: list[str]) -> None:
        for name in names:
            shutil.rmtree(self._fleet.volume(name.removeprefix("hadron_")))

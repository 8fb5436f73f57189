"""docker-compose.yml: valid, closed to the outside, able to be scaled, stopped and restarted."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_file import COMPOSE_FILE, ROOT, command_of, load, seconds
from jsonschema import Draft202012Validator

from hadron_tasks.app import VISIBILITY_TIMEOUT_S, make_app
from hadron_tasks.settings import Settings

# The compose specification's own, from github.com/compose-spec/compose-go (Apache License 2.0).
SCHEMA = json.loads((Path(__file__).parent / "fixtures" / "compose-spec.json").read_text())
DOCUMENT = load()
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
ONE_SHOT = {"migrate"}
PUBLISHED = {"flower", "grafana"}
SCALED = {
    *("kalshi-streamer", "polygon-streamer", "worker", "worker-rest", "worker-markets", "beat")
}
DEMO_AND_MONITORING = {"simulator": "demo", "prometheus": "monitoring", "grafana": "monitoring"}
NEEDS_KALSHI_KEYS = {"kalshi-streamer", "polygon-streamer", "worker", "worker-rest"}

each_service = pytest.mark.parametrize("name", SERVICES)


def environment(service: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in service.get("environment", {}).items()}


def mounts(service: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """Where each mount comes from and whether it can be written to, by its place."""
    found = {}
    for line in service.get("volumes", []):
        source, target, *mode = line.split(":")
        found[target] = (source, mode != ["ro"])
    return found


def test_the_file_is_valid_by_the_specification() -> None:
    validator = Draft202012Validator(SCHEMA)
    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []
    # The validator would tell.
    wrong = {**DOCUMENT, "services": {"worker": {"imagee": "hadron"}}}
    assert list(validator.iter_errors(wrong))


def test_there_is_every_service_and_profiles_are_for_what_may_be_left_out() -> None:
    assert set(SERVICES) == {
        *("redis", "postgres", "migrate", "kalshi-streamer", "polygon-streamer"),
        *("worker", "worker-rest", "worker-markets", "beat", "flower", "metrics"),
        *("prometheus", "grafana", "simulator"),
    }
    assert {
        name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service
    } == {name: [profile] for name, profile in DEMO_AND_MONITORING.items()}


@each_service
def test_a_service_is_shut_in(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert str(service["user"]).split(":")[0] not in ("", "0", "root")
    assert "privileged" not in service
    assert not any(target.endswith("docker.sock") for target in mounts(service))


@each_service
def test_a_service_is_kept_running_within_limits(name: str) -> None:
    service = SERVICES[name]
    limits = service["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert re.fullmatch(r"\d+[mg]", limits["memory"])
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    if name in ONE_SHOT:
        assert service["restart"] == "no"
        return
    assert service["restart"] == "unless-stopped"
    assert seconds(service["stop_grace_period"]) >= 10
    check = service["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert seconds(check["interval"]) <= 30
    # Hadron's processes take a second or two to load; what waits for them should not wait longer.
    assert seconds(check["start_interval"]) <= 2
    assert seconds(check["start_period"]) >= 60


@each_service
def test_only_what_people_look_at_is_published_and_only_here(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert bool(ports) == (name in PUBLISHED)
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert SERVICES[name].get("network_mode") is None


@pytest.mark.parametrize("name", sorted(SCALED))
def test_what_can_be_scaled_has_nothing_of_which_there_is_but_one(name: str) -> None:
    service = SERVICES[name]
    assert not {"ports", "container_name", "hostname"} & set(service)
    if "-n" in command_of(service):
        assert command_of(service)[command_of(service).index("-n") + 1].endswith("@%h")


@each_service
def test_secrets_come_from_files(name: str) -> None:
    service = SERVICES[name]
    given = set(service.get("secrets", []))
    assert given <= set(DOCUMENT["secrets"])
    told = {
        value.removeprefix("/run/secrets/")
        for value in environment(service).values()
        if value.startswith("/run/secrets/")
    }
    read = set(re.findall(r"/run/secrets/(\w+)", json.dumps(service.get("command", []))))
    checked = set(re.findall(r"/run/secrets/(\w+)", json.dumps(service.get("healthcheck", {}))))
    # Each is mounted where it is read, and read where it is mounted.
    assert told | read | checked == given
    for variable, value in environment(service).items():
        if re.search(r"PASSWORD|SECRET|_KEY|AUTH|TOKEN", variable):
            assert variable.endswith("_FILE"), variable
        assert not re.search(r"://[^/@]*:[^/@]*@", value), f"{variable} holds a password"


def test_each_secret_is_a_file_that_the_script_makes_once(tmp_path: Path) -> None:
    script = ["sh", str(ROOT / "deploy" / "secrets.sh"), str(tmp_path / "secrets")]
    first = subprocess.run(script, capture_output=True, text=True, check=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(DOCUMENT["secrets"])
    for name, secret in DOCUMENT["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    passwords = {text.strip().rpartition(":")[2] for text in made.values()}
    assert len(passwords) == len(made)
    assert all(len(password) == 48 for password in passwords)
    assert not any(password in first.stdout for password in passwords)
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    subprocess.run(script, capture_output=True, check=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made


@each_service
def test_keys_and_data_are_mounted_where_they_belong(name: str) -> None:
    found = mounts(SERVICES[name])
    for target, (source, writable) in found.items():
        if source.startswith("."):
            assert not writable, f"{target} is of this checkout"
            assert source == "./.kalshi_keys" or (ROOT / source).exists()
        else:
            assert source in DOCUMENT["volumes"]
    assert ("/app/.kalshi_keys" in found) == (name in NEEDS_KALSHI_KEYS)
    owners = {"redis-data": "redis", "postgres-data": "postgres", "simulator": "simulator"}
    for source, writable in found.values():
        assert not writable or owners.get(source, name) == name


@each_service
def test_what_a_service_waits_for_is_there_and_can_be_waited_for(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        if wait["condition"] == "service_completed_successfully":
            assert other in ONE_SHOT
        else:
            assert wait["condition"] == "service_healthy"
            assert "healthcheck" in SERVICES[other]
        # A service of a profile that is off must not be insisted on.
        outside = other in DEMO_AND_MONITORING and name not in DEMO_AND_MONITORING
        assert wait.get("required", True) is not outside


@each_service
def test_each_variable_is_a_setting(name: str) -> None:
    known = {f"HADRON_{field.upper()}" for field in Settings.model_fields}
    for variable in environment(SERVICES[name]):
        if variable.startswith("HADRON_"):
            assert {variable, variable.removesuffix("_FILE")} & known


def test_every_queue_has_its_workers_and_a_crawl_delays_no_drain() -> None:
    queues = {}
    for name in ("worker", "worker-rest", "worker-markets"):
        words = command_of(SERVICES[name])
        queues[name] = set(words[words.index("-Q") + 1].split(","))
    assert len(set.union(*queues.values())) == sum(map(len, queues.values()))
    declared = {queue.name for queue in make_app(Settings()).conf.task_queues}
    assert set.union(*queues.values()) == declared
    # A task that is cut off all the same is delivered again before long.
    longest = max(seconds(SERVICES[name]["stop_grace_period"]) for name in queues)
    assert longest <= VISIBILITY_TIMEOUT_S


def test_prometheus_reads_the_services_there_are_at_their_ports() -> None:
    scraped = yaml.safe_load((ROOT / "monitoring" / "prometheus.yml").read_text())
    asked: set[tuple[str, str]] = set()
    for job in scraped["scrape_configs"]:
        for one in job.get("static_configs", []):
            asked |= {(t.split(":")[0], t.split(":")[1]) for t in one["targets"]}
        for one in job.get("dns_sd_configs", []):
            asked |= {(name, str(one["port"])) for name in one["names"]}
    for host, port in asked - {("127.0.0.1", "9090")}:
        words = command_of(SERVICES[host])
        flag = "--port" if host == "metrics" else "--metrics-port"
        assert words[words.index(flag) + 1] == port


def test_the_image_holds_what_is_needed_and_nothing_secret() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*"
    taken = {line.removeprefix("!") for line in rules if line.startswith("!")}
    assert all((ROOT / path).exists() for path in taken)
    assert not any(re.search(r"env|key|secret|\.hadron", path) for path in taken)
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert dockerfile.count("\nFROM ") == 2
    user = re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE)
    assert user == [SERVICES["worker"]["user"]]
    assert "ARG PYTHON=3.11-" in dockerfile
    git_ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"secrets/", ".env", ".kalshi_keys/"} <= set(git_ignored)


def test_variables_of_the_file_have_defaults_and_are_used() -> None:
    text = COMPOSE_FILE.read_text()
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set()
    small = load(variables={"WORKERS": "4", "BEATS": "1", "FLOWER_PORT": "8080"})["services"]
    assert str(small["worker"]["deploy"]["replicas"]) == "4"
    assert str(small["beat"]["deploy"]["replicas"]) == "1"
    assert small["flower"]["ports"] == ["127.0.0.1:8080:5555"]
    assert str(SERVICES["beat"]["deploy"]["replicas"]) == "2", "one stands by"

"""The manifests of Kubernetes are valid by the published schemas, and fit the image and the settings."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # pyright: ignore[reportMissingImports] # of the extra `manifests`
import pytest
import yaml  # type: ignore[import-untyped]

from cdc_daemon.settings import load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.33", "1.34", "1.35", "1.36", "1.37")
SCHEMAS = ROOT / "build" / "schemas"
UNDERSTAND = """
import sys
from cloudcoil.models.prometheus_operator import v1
read = v1.ServiceMonitor.model_validate_json(sys.stdin.read())
print(read.model_dump_json(by_alias=True, exclude_unset=True))
"""
OF_OTHERS = {"Kustomization", "ServiceMonitor"}


def manifests() -> Iterator[dict[str, Any]]:
    for path in sorted(FOLDER.glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text("utf-8"))


def manifest(kind: str) -> dict[str, Any]:
    [found] = [each for each in manifests() if each["kind"] == kind]
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "kind", sorted(each["kind"] for each in manifests() if each["kind"] not in OF_OTHERS)
)
def test_a_manifest_is_valid_by_the_schema_of_kubernetes(kind: str, version: str) -> None:
    assert kubernetes_validate.validate(manifest(kind), version, strict=True) == version


def test_a_misspelled_field_is_found() -> None:
    deployment = manifest("Deployment")
    deployment["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)


def test_the_service_monitor_is_valid_by_the_operators_schema() -> None:
    given = manifest("ServiceMonitor")
    # In a process of its own: the package brings a plugin for pytest that fails here.
    told = subprocess.run(
        [sys.executable, "-c", UNDERSTAND],
        env={"PYTHONPATH": str(SCHEMAS)},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    understood = json.loads(told.stdout)
    assert {key: understood[key] for key in ("metadata", "spec")} == {
        key: given[key] for key in ("metadata", "spec")
    }, "the model leaves out fields that it does not know"


def test_the_kustomization_names_each_manifest_but_the_example() -> None:
    named = set(manifest("Kustomization")["resources"])
    present = {path.name for path in FOLDER.glob("*.yaml")}
    assert named == present - {"kustomization.yaml", "secret.example.yaml"}


def test_each_file_of_the_configuration_is_mounted_where_the_configuration_expects_it() -> None:
    [generator] = manifest("Kustomization")["configMapGenerator"]
    volumes = manifest("Deployment")["spec"]["template"]["spec"]["volumes"]
    [mounted] = [volume["configMap"] for volume in volumes if "configMap" in volume]
    assert mounted["name"] == generator["name"]
    assert {item["path"] for item in mounted["items"]} == set(generator["files"])
    assert all(item["key"] == Path(item["path"]).name for item in mounted["items"])


def test_probes_and_monitor_ask_pages_of_the_daemon_at_its_port() -> None:
    [container] = manifest("Deployment")["spec"]["template"]["spec"]["containers"]
    [port] = container["ports"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment["CDC_HTTP_LISTEN"] == f"0.0.0.0:{port['containerPort']}"
    pages = {container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")}
    served = (ROOT / "cdc_daemon" / "web" / "application.py").read_text("utf-8")
    [endpoint] = manifest("ServiceMonitor")["spec"]["endpoints"]
    assert [page for page in (*pages, endpoint["path"]) if f'"{page}"' not in served] == []


def test_the_configuration_has_no_fault(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text(manifest("Secret")["stringData"]["dsn"], "utf-8")
    environment = {"CDC_DATABASE_DSN_FILE": str(tmp_path / "dsn"), "CDC_HTTP_LISTEN": "0.0.0.0:9464"}
    settings = load(FOLDER / "cdc.toml", environ=environment)
    assert set(settings.feeds) == {"products"}


def test_pods_obey_the_restricted_standard() -> None:
    pod = manifest("Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    for container in (*pod["initContainers"], *pod["containers"]):
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"]
        assert not confined["allowPrivilegeEscalation"]
        assert confined["capabilities"] == {"drop": ["ALL"]}

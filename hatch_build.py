"""Puts a bill of materials into the wheel: what cdc-daemon needs, in the versions that were tested together.

And the man pages, if `make man` made them: they come from the commands, which a build can't import.

CycloneDX 1.6, as `<name>.dist-info/sboms/cdc-daemon.cdx.json` (PEP 770). It is made of `pyproject.toml` and
`constraints.txt` alone, so that the same sources give the same bytes.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NOT_SHIPPED = frozenset({"audit", "deb", "dev", "manifests"})
"""Extras for those who work on cdc-daemon itself."""


class CustomBuildHook(BuildHookInterface):
    """Adds the bill of materials and the man pages to the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the file and have the wheel carry it; an editable install carries none."""
        if version != "standard":
            return
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "cdc-daemon.cdx.json"
        metadata = self.metadata.core
        found = bill(
            metadata.name,
            self.metadata.version,
            metadata.dependencies,
            metadata.optional_dependencies,
            tested(Path(self.root, "constraints.txt").read_text("utf-8")),
        )
        path.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", "utf-8")
        build_data["sbom_files"].append(str(path))
        for page in sorted(Path(self.root, "build", "man").glob("*.1")):
            build_data["shared_data"][str(page)] = f"share/man/man1/{page.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Take the file away again."""
        _ = build_data, artifact_path
        if version == "standard":
            self._folder.cleanup()


def tested(constraints: str) -> dict[str, str]:
    """The version of each package that stands in `constraints.txt`, by its canonical name."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", constraints, re.MULTILINE)
    return {str(canonicalize_name(name)): version for name, version in pins}


def bill(
    name: str,
    version: str,
    dependencies: list[str],
    extras: Mapping[str, list[str]],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """The bill of materials: cdc-daemon, and what it names as dependency, with the extra that wants it.

    Args:
        versions: those that were tested together, by canonical name.
    """
    components = {part["bom-ref"]: part for part in _components(dependencies, extras, versions)}
    root = {"type": "application", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {**root, "bom-ref": root["purl"], "licenses": [{"license": {"id": "MIT"}}]}
        },
        "components": [components[ref] for ref in sorted(components)],
        "dependencies": [{"ref": root["purl"], "dependsOn": sorted(components)}],
    }


def _components(
    dependencies: list[str], extras: Mapping[str, list[str]], versions: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    groups = {
        "": dependencies,
        **{extra: names for extra, names in extras.items() if extra not in NOT_SHIPPED},
    }
    for extra, lines in groups.items():
        for line in lines:
            requirement = Requirement(line)
            name = str(canonicalize_name(requirement.name))
            purl = f"pkg:pypi/{name}@{versions[name]}"
            properties = [{"name": "cdc-daemon:accepted-versions", "value": str(requirement.specifier)}]
            if extra:
                properties.append({"name": "cdc-daemon:extra", "value": extra})
            yield {
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": versions[name],
                "purl": purl,
                "scope": "optional" if extra else "required",
                "properties": properties,
            }

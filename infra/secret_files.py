"""Reads secrets out of files: `MURMURATION_<NAME>_FILE` names one for each setting that is a secret.

That is how container engines and service managers hand secrets over, and such a file can be closed to others, which an
environment is not. A setting is a secret where its field says `repr=False`; it is shown nowhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_settings import PydanticBaseSettingsSource

from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

SUFFIX = "_FILE"
MAX_CHARS = 65_536


def names(settings: type[BaseSettings]) -> list[str]:
    """Return the settings that are secrets."""
    return [name for name, field in settings.model_fields.items() if not field.repr]


def variables(settings: type[BaseSettings], prefix: str) -> set[str]:
    """Return the variables that name files."""
    return {f"{prefix}{name.upper()}{SUFFIX}" for name in names(settings)}


class SecretFiles(PydanticBaseSettingsSource):
    """A source of settings; raises TroubleError for a file that cannot be read, or that is not the only source."""

    def __init__(self, settings_cls: type[BaseSettings], environment: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self._environment = environment

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value out of the file, or None where none is named."""
        del field
        variable = f"{self.config.get('env_prefix', '')}{field_name.upper()}"
        path = self._environment.get(variable + SUFFIX)
        if not path:
            return None, field_name, False
        if self._environment.get(variable):
            what = f"both {variable} and {variable}{SUFFIX} are set"
            raise TroubleError(what, "keep one of them")
        return _read(Path(path), variable + SUFFIX), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return what the files say."""
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(fields[name], name)[0] for name in names(self.settings_cls)}
        return {name: value for name, value in found.items() if value is not None}


def _read(path: Path, variable: str) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read(MAX_CHARS + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise TroubleError(f"{variable} names {path}, which cannot be read: {reason}", "correct it") from error
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or len(text) > MAX_CHARS or "\0" in text or "\n" in text:
        raise TroubleError(f"{variable} names {path}, which holds no secret", "it is to hold the secret on one line")
    return text

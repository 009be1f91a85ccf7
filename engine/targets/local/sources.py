"""Folders of people's own code, each unpacked once from its archive under the name that programs ask for."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from engine.artefacts.archives import BadArchive, members, top, unpack
from engine.artefacts.store import FULL
from engine.targets.base import NoRoom, Source, TargetError


class Sources:
    """`root/NAME/`, each made as a whole: a folder that is there is complete."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, source: Source) -> Path:
        return self.root / source.name

    def make(self, source: Source, archive: Path) -> Path:
        """Unpack it unless it stands. Raises TargetError for a bad archive and NoRoom; leaves nothing then."""
        place = self.folder(source)
        if place.is_dir():
            return place
        draft: Path | None = None
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=self.root))
            with members(archive) as entries:
                unpack(entries, draft)
            os.replace(top(draft), place)
        except BadArchive as error:
            raise TargetError(str(error)) from error
        except OSError as error:
            if error.errno in FULL:
                raise NoRoom("There is no room on the disk to unpack the folder.") from error
            if not place.is_dir():  # else somebody else was faster, with the same
                raise TargetError(f"The folder could not be unpacked: {error.strerror or error}.") from error
        finally:
            if draft:
                shutil.rmtree(draft, ignore_errors=True)
        return place

    def discard(self, name: str) -> None:
        place = self.root / name
        if place.is_dir():
            gone = Path(tempfile.mkdtemp(prefix=".gone-", dir=self.root))
            os.replace(place, gone / name)
            shutil.rmtree(gone, ignore_errors=True)

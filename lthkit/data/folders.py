"""A folder of pictures, one subfolder a class, as splits: what lies where, and what is refused."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import torch

from lthkit.data.file_formats import DataError
from lthkit.data.pictures import SUFFIXES, read_pictures
from lthkit.data.sources import SPECS
from lthkit.data.splits import Split
from lthkit.data.splitting import TEST, VALIDATION, three_splits
from lthkit.machine.faces import harmless

SPLITS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
_OF_THE_SYSTEM = ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx")
Found = dict[str, list[Path]]  # class -> its pictures


def name_of_folder(path: Path | str) -> str:
    """The name of the data set in a folder: the folder's own, composed as Unicode has it (NFC), but no published set's."""
    name = _composed(Path(path).expanduser().resolve()) or "pictures"
    return f"folder {name}" if name in SPECS else name


def read_folder(
    path: Path | str,
    *,
    size: int | tuple[int, int] | None,
    channels: int | None,
    validation: float | int | None,
    test: float | int | None,
    seed: int,
) -> tuple[dict[str, Split], tuple[str, ...], str]:
    """The three splits, the names of the classes, and the origin (see `Dataset.from_folder`)."""
    size, root = _size(size), Path(path).expanduser()
    if channels is not None and (isinstance(channels, bool) or channels not in (1, 3)):
        raise ValueError(
            f"channels={channels!r} was given; expected 1 (grey), 3 (colour), or None for what the files have."
        )
    if not root.is_dir():
        raise DataError(_no_folder(root))
    parts = _parts(root)
    for part, asked in (("validation", validation), ("test", test)):
        if part in parts and asked is not None:
            raise ValueError(
                f"{part}={asked!r} was given, and {root} has a {part} split of its own. Give one or the other."
            )
    classes = _the_same_classes(root, parts)
    paths = [picture for found in parts.values() for name in classes for picture in found[name]]
    read = read_pictures(paths, size, channels)
    splits, begin = dict[str, Split](), 0
    for part, found in parts.items():
        labels = [label for label, name in enumerate(classes) for _ in found[name]]
        pixels = torch.from_numpy(read.pixels[begin : begin + len(labels)])
        splits[part], begin = Split(pixels, torch.tensor(labels)), begin + len(labels)
    splits = three_splits(
        splits["train"],
        validation=splits.get("validation", VALIDATION if validation is None else validation),
        test=splits.get("test", TEST if test is None else test),
        seed=seed,
    )
    height, width = read.pixels.shape[2:]
    return splits, classes, "image folder" + (f", resized to {height}x{width}" if read.resized else "")


def _size(size: Any) -> tuple[int, int] | None:
    """(height, width) in pixels; ValueError for what is neither one number nor two."""
    if size is None:
        return None
    pair = (size, size) if isinstance(size, Integral) else size
    if isinstance(pair, tuple | list) and len(pair) == 2:
        if all(isinstance(n, Integral) and not isinstance(n, bool) and int(n) >= 1 for n in pair):
            return int(pair[0]), int(pair[1])
    raise ValueError(
        f"size={size!r} was given; expected pixels a side, such as 32, or (height, width), such as (28, 40)."
    )


def _parts(root: Path) -> dict[str, Found]:
    """The pictures by split and class: of folders named as splits are, else all as "train"."""
    folders, loose = _inside(root)
    named = {name: SPLITS[name.lower()] for name in folders if name.lower() in SPLITS}
    if set(named) != set(folders) or "train" not in named.values():
        return {"train": _classes(root)}
    _refuse_loose(root, loose)
    if len(set(named.values())) < len(named):
        raise DataError(
            f"{root} has the folders {', '.join(named)}; expected one for each split. Put them together."
        )
    order = ("train", "validation", "test")
    return {
        named[name]: _classes(folders[name])
        for name in sorted(named, key=lambda name: order.index(named[name]))
    }


def _classes(folder: Path) -> Found:
    """Class name -> its pictures, both sorted by name."""
    folders, loose = _inside(folder)
    _refuse_loose(folder, loose)
    if len(folders) < 2:
        raise DataError(
            f"{folder} has {len(folders) or 'no'} folder{'s' * (len(folders) != 1)} in it{_named(folders)}; expected one for each "
            "class, two or more, with the pictures of that class. Give the folder in which the class folders lie."
        )
    found = {}
    for name, place in folders.items():
        below, files = _inside(place)
        if below:
            raise DataError(
                f"{place} holds folders, {_some(list(below))}; expected pictures only, since a folder in {folder} is a class. Give "
                "the folder in which the class folders lie; where train, validation and test lie, nothing else may."
            )
        if odd := [name for name in files if not _is_picture(name)]:
            raise DataError(
                f"{place} has files whose names are none of a picture: {_some(odd)}; expected {', '.join(SUFFIXES)}. Save them as "
                "such, or move them elsewhere."
            )
        if not files:
            raise DataError(f"{place} is a class without a picture. Put some in, or remove the folder.")
        found[name] = list(files.values())
    return found


def _refuse_loose(folder: Path, files: Iterable[str]) -> None:
    if pictures := [name for name in files if _is_picture(name)]:
        raise DataError(
            f"{folder} has pictures in no folder, {_some(pictures)}, so they belong to no class. Put each into the folder of its "
            "class; if this is the folder of one class, give the folder above it."
        )


def _the_same_classes(root: Path, parts: dict[str, Found]) -> tuple[str, ...]:
    classes = tuple(parts["train"])
    for part, found in parts.items():
        if set(found) != set(classes):
            more, fewer = sorted(set(found) - set(classes)), sorted(set(classes) - set(found))
            raise DataError(
                f"{root} has other classes for {part} than for train: more {more}, fewer {fewer}; expected the same."
            )
    return classes


def _inside(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Folders and files in a folder, by composed name and sorted by it; hidden ones and the system's own left out."""
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be read ({error.strerror}). Make it readable.") from error
    folders, files = dict[str, Path](), dict[str, Path]()
    for entry in entries:
        if entry.name.startswith(".") or entry.name.lower() in _OF_THE_SYSTEM:
            continue
        name, kind = _composed(entry), folders if entry.is_dir() else files
        if name in kind:
            raise DataError(
                f"{folder} has two entries of one name, {name!r}, spelled in two ways of Unicode. Rename one, or put them together."
            )
        kind[name] = entry
    return dict(sorted(folders.items())), dict(sorted(files.items()))


def _composed(path: Path) -> str:
    """The name in NFC: a Hangul syllable is one letter, on a Mac's disk too. DataError for one that no text can hold."""
    name = unicodedata.normalize("NFC", path.name)
    if harmless(name) != name or set("\n\t") & set(name):
        raise DataError(
            f"{ascii(str(path))} has a name with control characters, or one that is not UTF-8. Rename it."
        )
    return name


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _no_folder(root: Path) -> str:
    if root.is_file():
        return f"{root} is a file; expected a folder with one folder of pictures for each class. Unpack an archive first."
    beside = [f.name for f in root.parent.iterdir() if f.is_dir()] if root.parent.is_dir() else []
    close = difflib.get_close_matches(root.name, beside, n=1)
    guess = f" Did you mean {root.parent / close[0]}?" if close else ""
    return f"There is no folder {root}; expected one with a folder of pictures for each class.{guess}"


def _named(folders: dict[str, Path]) -> str:
    return f" ({_some(list(folders))})" if folders else ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")

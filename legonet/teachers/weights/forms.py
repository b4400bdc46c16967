"""Weights in several files, and files that are something else than their name says. Needs no torch."""

from __future__ import annotations

from pathlib import Path

from legonet import foreign
from legonet.errors import TeacherError
from legonet.graph.in_parts import counted

INDEX = ".index.json"
_MOST_VALUES = 500_000
# What a folder of Hugging Face's libraries has its weights in, the first that is there.
_IN_FOLDERS = (
    "model.safetensors",
    f"model.safetensors{INDEX}",
    "pytorch_model.bin",
    f"pytorch_model.bin{INDEX}",
    "diffusion_pytorch_model.safetensors",
)
_OTHERS = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file", "fetch it with `git lfs pull`"),
    (b"\x1f\x8b", "compressed by gzip", "unpack it with `gunzip`"),
    (b"<!doctype", "a web page", "download the file itself, by its link for raw files"),
    (b"<html", "a web page", "download the file itself, by its link for raw files"),
    (b"<?xml", "an XML page, as servers send for errors", "download the file again"),
    (b'{"', "a JSON text", "give the file of weights that belongs to it"),
    (b"bzh", "compressed by bzip2", "unpack it with `bunzip2`"),
    (b"\xfd7zxz", "compressed by xz", "unpack it with `unxz`"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it with `unzstd`"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it"),
    (b"rar!", "a RAR archive", "unpack it"),
    (b"\x89png", "a picture", "name the file of weights"),
    (b"\xff\xd8\xff", "a picture", "name the file of weights"),
    (b"\x93numpy", "a single NumPy array", "save the model's state_dict()"),
    (b"\x89hdf", "an HDF5 file, as Keras writes", "convert it to PyTorch's names and save those"),
    (b"gguf", "a GGUF file", "give the PyTorch weights that it was made from"),
)


def expect_no_other_form(start: bytes, place: str) -> None:
    """Refuse a file by what it begins with, where that tells what it is.

    Raises:
        TeacherError: It is a known form of something else.
    """
    text = start.lower().removeprefix(b"\xef\xbb\xbf").lstrip()
    known = ((b"ustar", "a tar archive", "unpack it"),) if start[257:262] == b"ustar" else _OTHERS
    for begins, what, advice in known:
        if start.lower().startswith(begins) or text.startswith(begins) or known is not _OTHERS:
            raise TeacherError(
                f"{place}: is {what}; expected a safetensors file, or a checkpoint of torch.save; {advice}"
            )


def files_of(path: Path, place: str, *, follow: bool = True) -> list[Path] | None:
    """The files that weights lie in, of a folder of a library's or an index; None of a single file.

    Raises:
        TeacherError: The folder has no weights, or its index names no files beside it.
    """
    if path.is_dir():
        inside = [path / name for name in _IN_FOLDERS if (path / name).is_file()]
        if not inside:
            raise TeacherError(
                f"{place}: is a folder without weights; expected one of {', '.join(_IN_FOLDERS[:4])} in it; "
                "name the file"
            )
        return files_of(inside[0], place, follow=follow) or [inside[0]]
    if not path.name.endswith(INDEX):
        return None
    try:
        index = counted(foreign.read(path, foreign.INDEX, where=place, follow=follow), _MOST_VALUES)
        names = index["weight_map"].values()
        files = sorted({path.with_name(name) for name in names})  # refuses names with folders in them
        missing = [file.name for file in files if not file.is_file()]
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise TeacherError(
            f"{place}: is not an index of weights; expected a `weight_map` from names to files beside it; "
            "download it again"
        ) from error
    if missing or not files:
        raise TeacherError(
            f"{place}: names {', '.join(missing[:5]) or 'no files'}, which are not there; expected all "
            f"{len(files)} files beside it; download them too"
        )
    return files

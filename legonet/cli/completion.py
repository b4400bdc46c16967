"""`legonet completion`: what a shell offers when Tab is pressed, and the scripts that ask for it.

The scripts of all shells ask in one way, that of typer for fish: a variable says that completions are wanted,
another has the line as it is so far. Bash splits words at colons, which paths have, so typer's own script for
it does not do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

Shell = Literal["bash", "zsh", "fish"]
_ASK = "_LEGONET_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS"

_BASH = (
    r"""# What Tab offers after legonet, in bash. Where it knows nothing, files are offered.
_legonet_completion() {
    local line="${COMP_LINE:0:$COMP_POINT}" item
    local word="${line##*[[:space:]]}"
    [[ $word == --*=* ]] && word="${word#*=}"
    local before="${word%"${word##*[:=]}"}" # bash has taken this for words of their own
    COMPREPLY=()
    while IFS= read -r item; do
        item="${item%%$'\t'*}"
        [[ -n $item && $item != "$word" ]] && COMPREPLY+=("${item#"$before"}")
    done < <(env ASK="$line" "${1/#\~/$HOME}" 2>/dev/null)
}
complete -o default -F _legonet_completion legonet
"""
).replace("ASK", _ASK)

_ZSH = r"""# What Tab offers after legonet, in zsh. Where it knows nothing, files are offered.
_legonet_completion() {
    local line="${(j: :)words[1,CURRENT]}" word="${words[CURRENT]}" prefix=""
    [[ $word == --*=* ]] && prefix="${word%%=*}=" word="${word#*=}"
    local -a items
    items=("${(@f)$(env ASK="$line" "${words[1]/#\~/$HOME}" 2>/dev/null)}")
    items=("${(@)items%%$'\t'*}")
    items=("${(@)items:#$word}")
    items=("${(@)items:#}")
    if (( $#items )); then compadd -P "$prefix" -a items; else _files -P "$prefix"; fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _legonet_completion legonet
""".replace("ASK", _ASK)

_FISH = r"""# What Tab offers after legonet, in fish. Where it knows nothing, files are offered.
function __legonet_completion
    set -l word (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- (commandline -opc)[1])
    set -l items (env ASK=(commandline -cp | string collect) $program 2>/dev/null)
    if test -z "$items"; or test "$items" = "$word"
        __fish_complete_path $word
    else
        printf '%s\n' $items
    end
end
complete --command legonet --no-files --arguments "(__legonet_completion)"
""".replace("ASK", _ASK)

SCRIPTS: dict[Shell, str] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def completion(
    shell: Annotated[
        Shell | None,
        typer.Argument(metavar="SHELL", help="It is bash, zsh or fish; default: that of $SHELL."),
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Write it where the shell looks; else it is printed.")
    ] = False,
) -> None:
    """Complete commands, options, paths and names by Tab.

    Paths, applications, categories, tasks and teachers are those of the graph file on the line, or of the
    only one in graphs/.
    """
    chosen = shell or _own_shell()
    if not install:
        print(SCRIPTS[chosen], end="")
        return
    for file in _install(chosen):
        print(file)
    print("New shells complete legonet.")


def _own_shell() -> Shell:
    from legonet.errors import LegonetError

    found = Path(os.environ.get("SHELL", "")).name
    for shell in SCRIPTS:
        if shell == found:
            return shell
    raise LegonetError(
        f"completion: the shell is {found or 'not told by $SHELL'}; expected bash, zsh or fish; name one of "
        "them"
    )


def _install(shell: Shell) -> Iterator[Path]:
    """Write the script, and the line that reads it when a shell starts; yields the files."""
    from legonet.store.plain_files import write_file

    home = Path.home()
    if shell == "fish":
        place = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "fish/completions/legonet.fish"
        write_file(place, SCRIPTS[shell].encode())
        yield place
        return
    place = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / f"legonet/completion.{shell}"
    write_file(place, SCRIPTS[shell].encode())
    yield place
    start = home / ".bashrc" if shell == "bash" else Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"
    text = start.read_bytes() if start.exists() else b""
    line = f"source '{place}'".encode()
    if line not in text.splitlines():
        write_file(start, text + (b"" if text.endswith(b"\n") or not text else b"\n") + line + b"\n")
    yield start


def names_of(*sections: str, end: str = "") -> Callable[[typer.Context, str], list[str]]:
    """What completes a name of the graph file.

    Args:
        sections: Where it stands in the file: `categories`, `tasks`, `adapters`, `teachers`, `applications`;
            or `paths`, which teachers and adapters connect, or `pairs`, each category with each task.
        end: What stands after it.
    """

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        data = _graph_data(context)
        found = [f"{name}{end}" for section in sections for name in _names(data, section)]
        return [name for name in dict.fromkeys(found) if name.startswith(incomplete)]

    return complete


def blocks(context: typer.Context, incomplete: str) -> list[str]:
    """What completes the name of a block."""
    from legonet.store.workspace import Workspace

    graph = context.params.get("graph")
    folders = Workspace.find(graph or Path("graphs/any.yaml")).block_folders
    names = {file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.[yj]*")}
    return sorted(name for name in names if name.startswith(incomplete))


def _names(data: dict[str, Any], section: str) -> list[str]:
    if section == "pairs":
        return [f"{each}:{task}" for each in _names(data, "categories") for task in _names(data, "tasks")]
    part = data.get("teachers" if section == "paths" else section)
    entries = {str(name): each for name, each in part.items()} if isinstance(part, dict) else {}
    if section != "paths":
        return list(entries)
    both = [(each.get("category"), each.get("task")) for each in entries.values() if isinstance(each, dict)]
    adapters = data.get("adapters")
    return [
        *(f"{category}:{task}" for category, task in both if category and task),
        *(map(str, adapters) if isinstance(adapters, dict) else ()),
    ]


def _graph_data(context: typer.Context) -> dict[str, Any]:
    """The graph file's plain data, as far as it can be read: whoever completes wants no report."""
    from legonet.errors import GraphError
    from legonet.graph.reading import json_text, yaml
    from legonet.graph.reading.source import read_source

    # Before an option whose value is still to come, arguments are not told apart yet.
    given = [context.params.get("graph"), *context.args]
    named = [Path(each) for each in given if each and Path(each).suffix in (".yaml", ".yml", ".json")]
    files = named or sorted(Path("graphs").glob("*.yaml"))
    if named or len(files) == 1:
        with suppress(GraphError):
            text = read_source(files[0])
            compose = json_text.compose if files[0].suffix == ".json" else yaml.compose
            data = compose(text, str(files[0])).data
            return data if isinstance(data, dict) else {}
    return {}

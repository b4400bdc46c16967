"""The commands, in the order that help lists them."""

from __future__ import annotations

import typer

from legonet.cli import (
    application,
    compile,  # noqa: A004 - the command's name
    completion,
    connect,
    demo,
    disconnect,
    evaluate,
    finetune,
    gc,
    init,
    plan,
    predict,
    pull,
    push,
    remove,
    rename,
    render,
    schema,
    serve,
    studio,
    teacher,
    transplant,
    validate,
    watch,
)
from legonet.cli.options import Help

app = typer.Typer(
    name="legonet",
    help="Build modular networks: merge trained networks, one by one, into one transplant network.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    add_help_option=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("init")(init.init)
app.command("demo")(demo.demo)
app.command("validate")(validate.validate)
app.command("schema")(schema.schema)
app.command("connect")(connect.connect)
app.command("disconnect")(disconnect.disconnect)
app.command("rename")(rename.rename)
app.command("remove")(remove.remove)
app.add_typer(application.app, name="application")
app.command("plan")(plan.plan)
app.command("transplant")(transplant.transplant)
app.command("finetune")(finetune.finetune)
app.command("studio")(studio.studio)
app.command("watch")(watch.watch)
app.command("gc")(gc.gc)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("compile")(compile.compile)
app.command("serve")(serve.serve)
app.command("render")(render.render)
app.add_typer(teacher.app, name="teacher")
app.command("push")(push.push)
app.command("pull")(pull.pull)
app.command("completion")(completion.completion)


def _version(wanted: bool) -> None:
    if wanted:
        from legonet import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _legonet(
    version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", callback=_version, is_eager=True
    ),
    show_help: Help = False,
) -> None:
    pass

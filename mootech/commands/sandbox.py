"""`mootech sandbox`: a realistic shop to rehearse on."""
# ruff: noqa: PLC0415 - a command imports what it runs: `mootech --help` must not wait for polars, duckdb or httpx

from datetime import timedelta
from typing import Annotated

import typer

from mootech.commands.common import Act, Command, Common
from mootech.model import Progress, parse_day, utc_today
from mootech.outcomes import Outcome


def sandbox(  # noqa: PLR0913, PLR0917  # one for each of the command's options
    common: Common,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="N", help="On this machine only; 0 takes a free one.")
    ] = 8000,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Another seed is another shop.")] = 2023,
    scale: Annotated[float, typer.Option("--scale", metavar="X", help="Traffic; 1 is some 2,000 hits a day.")] = 1.0,
    today: Annotated[
        str | None, typer.Option("--today", metavar="DAY", help="The shop's UTC day, instead of the real one.")
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option("--faults", metavar="FAULTS", help="Spoil answers: flaky, rough, or resets=0.2,drip=0.1."),
    ] = None,
    faults_seed: Annotated[
        int, typer.Option("--faults-seed", metavar="N", help="Another seed spoils other answers.")
    ] = 0,
    buckets: Annotated[
        str | None,
        typer.Option(
            "--buckets", metavar="DIR", help="Take export jobs; buckets are folders in DIR. s3://: a real server."
        ),
    ] = None,
    job_seconds: Annotated[
        float, typer.Option("--job-seconds", min=0, metavar="N", help="How long a job takes at least.")
    ] = 0.2,
) -> Act:
    """Serve a realistic shop to rehearse on.

    It answers as the shop's API does, on this machine only, until Ctrl-C; the same seed gives the same shop.
    """
    day = parse_day(today, "--today") if today is not None else None

    def act(_progress: Progress | None) -> Outcome:
        from mootech.render.screen import Screen
        from mootech.sandbox import server
        from mootech.sandbox.exports import ExportSettings
        from mootech.sandbox.faults import Draw, FaultMix
        from mootech.sandbox.shop import Shop

        mix = FaultMix.parse(faults) if faults is not None else None

        def announce(url: str) -> None:
            screen = Screen.standard(quiet=common.quiet)
            screen.note(f"The sandbox answers at {url} until you press Ctrl-C. In another terminal:")
            screen.note(f"  export MOOTECH_API_URL={url} MOOTECH_API_KEY={server.API_KEY}")
            screen.note(f"  mootech ingest --start {(day or utc_today()) - timedelta(days=30)}")
            if mix is not None:
                screen.note(f"It spoils {mix.total:.0%} of its answers. The faults: {', '.join(mix.shares)}.")
            if buckets is not None:
                screen.note(f"It takes jobs and delivers to buckets in {buckets}.")

        shop = server.Sandbox(
            Shop(seed=seed, scale=scale),
            today=lambda: day or utc_today(),
            faults=Draw(mix, faults_seed) if mix is not None else None,
            exports=ExportSettings(buckets, job_seconds) if buckets is not None else None,
        )
        server.serve(shop, port=port, on_ready=announce, log=common.verbose > 0)
        return Outcome("sandbox")

    return act


COMMAND = Command(
    sandbox,
    example="mootech sandbox --port 8000",
    safe="The sandbox has stopped; it keeps nothing.",
    common=("json", "quiet", "verbose"),
    patient=True,  # the server finishes its answers, and a second signal hurries it
)

"""Staging by way of jobs that fail, vanish, never end or deliver half: what is ordered again, believed, cleaned up."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from mootech.config import JobsSettings, SourceSettings
from mootech.errors import IncompleteError, RefusedError, SourceError
from mootech.layers.bronze.exports.fetcher import ExportFetcher
from mootech.model import Job
from mootech.sandbox.exports import ExportSettings
from mootech.sandbox.faults import Draw, FaultMix
from mootech.sandbox.server import API_KEY, running
from mootech.sandbox.shop import Shop
from mootech.source.endpoint import Endpoint
from mootech.source.http import Api
from mootech.source.pages import rows_of
from mootech.tables import PRODUCTS
from tests.clocks import at_once
from tests.wire import Answer, Wire, answer, problem, routed, serving

TODAY = date(2024, 6, 1)
DAYS = [date(2024, 1, 13) + timedelta(days=n) for n in range(3)]
WANTED = [Job(PRODUCTS, day) for day in DAYS]


class Bench:
    """A destination and the state of one host, for one run after the other."""

    def __init__(self, folder: Path) -> None:
        """Take a fresh folder."""
        self.buckets = folder / "buckets"
        self.exports = self.buckets / "exports"
        self.state = folder / "state"
        self.exports.mkdir(parents=True)
        (self.exports / "theirs.parquet").write_bytes(b"somebody else's")

    def fetcher(self, url: str, **limits: float) -> ExportFetcher:
        """Return a run's fetcher."""
        source = SourceSettings(url=url, protocol="jobs", page_size=4, timeout_seconds=60, deadline_seconds=120)
        settings = JobsSettings.model_validate({"poll_seconds": 0.05, "deadline_seconds": 120.0, **limits})
        return ExportFetcher(Endpoint(source, API_KEY), settings, str(self.exports), self.state)

    def stage(self, fetcher: ExportFetcher, wanted: Sequence[Job] = WANTED) -> tuple[list[bytes], list[str]]:
        """Stage days as a run does; return their rows in order, and the notes."""

        async def everything() -> list[str]:
            units = await asyncio.to_thread(fetcher.units, wanted)
            async with Api(fetcher.endpoint, sleep=at_once) as api:
                return [
                    await fetcher.stage(api, {job: fetcher.staged(job) for job in unit}, lambda _job, _rows: None)
                    for unit in units
                ]

        notes = asyncio.run(everything())
        staged = [fetcher.staged(job) for job in wanted]
        assert all(each.resume() for each in staged)
        return [bytes(row) for each in staged for path in each.bodies() for row in rows_of(path.read_bytes())], notes

    @property
    def left(self) -> list[str]:
        """Files in the bucket."""
        return sorted(str(path.relative_to(self.exports)) for path in self.exports.rglob("*") if path.is_file())

    @property
    def tickets(self) -> list[Path]:
        """What this host remembers of jobs."""
        return list((self.state / "jobs").glob("*.json"))

    def clean(self, *, tickets: int = 0) -> bool:
        """Say whether nothing of ours is left but so many tickets, and what is somebody else's is."""
        kept = list((self.state / "jobs").glob("*"))
        return self.left == ["theirs.parquet"] and kept == self.tickets and len(kept) == tickets


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return an empty destination with somebody else's file in it."""
    return Bench(tmp_path)


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Return the shop behind the services."""
    return Shop(scale=0.25)


@pytest.fixture(scope="module")
def truth(shop: Shop) -> list[object]:
    """Return the products of these days as the pages hand them out."""
    return [json.loads(row) for day in DAYS for row in shop.rows(PRODUCTS, day, today=TODAY)]


@contextmanager
def serve(shop: Shop, bench: Bench, faults: str | None = None, seed: int = 0) -> Iterator[str]:
    """Serve jobs that go wrong as the faults say."""
    draw = Draw(FaultMix.parse(faults), seed) if faults else None
    with running(shop, today=lambda: TODAY, exports=ExportSettings(str(bench.buckets), 0.0), faults=draw) as url:
        yield url


def parsed(rows: Sequence[bytes]) -> list[object]:
    """Return rows as values."""
    return [json.loads(row) for row in rows]


def test_a_range_is_one_job_and_every_day_gets_its_rows(bench: Bench, shop: Shop, truth: list[object]) -> None:
    """Rows of several days in one file are split by their utc_date, in order, and only our directory is removed."""
    with serve(shop, bench) as url:
        rows, notes = bench.stage(bench.fetcher(url))
    assert parsed(rows) == truth
    assert notes == [""]
    assert bench.clean()


WRONG = {
    "job-failed": (SourceError, "failed: FAILED: the job was ended"),
    "job-lost": (SourceError, "vanished"),
    "job-truncated": (IncompleteError, "part-00000.parquet is damaged"),
    "job-short": (IncompleteError, "delivered no file"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_job_that_comes_to_nothing_is_ordered_anew(bench: Bench, shop: Shop, truth: list[object], fault: str) -> None:
    """Every time: the days fail and say why. Half of the times: they are whole in the end. Nothing is left behind."""
    kind, told = WRONG[fault]
    with serve(shop, bench, f"{fault}=1") as url, pytest.raises(kind, match=told) as caught:
        bench.stage(bench.fetcher(url))
    assert "What was published before is intact" in caught.value.hint
    # A job that nobody can ask for may still write: the next runs look again.
    assert bench.clean(tickets=3 if fault == "job-lost" else 0)
    seeds = (seed for seed in range(100) if _first_goes_wrong(fault, seed))
    with serve(shop, bench, f"{fault}=0.5", seed=next(seeds)) as url:
        rows, notes = bench.stage(bench.fetcher(url, attempts=9))
    assert parsed(rows) == truth
    assert notes == ["ordered again, because a job came to nothing"]
    assert bench.clean(tickets=len(bench.tickets) if fault == "job-lost" else 0)


def _first_goes_wrong(fault: str, seed: int) -> bool:
    """Say whether this seed spoils the first job and not every one."""
    draw = Draw(FaultMix.parse(f"{fault}=0.5"), seed)
    drawn = [draw.fault(f"job products {DAYS[0]} {DAYS[-1]}", draw.mix.shares)[0] for _ in range(5)]
    return drawn[0] is not None and None in drawn


def test_a_job_that_never_ends_is_left_to_the_next_run(bench: Bench, shop: Shop) -> None:
    """The run gives up at its deadline with a hint, and the next one asks for the same job, not for another."""
    with serve(shop, bench, "job-stuck=1") as url:
        said = []
        for _ in range(2):
            with pytest.raises(SourceError, match=r"has not ended within 0\.3 s") as caught:
                bench.stage(bench.fetcher(url, deadline_seconds=0.3))
            said.append(caught.value.message)
    assert said[0] == said[1]
    assert "goes on waiting for this job" in caught.value.hint
    assert len(bench.tickets) == 1


def test_the_job_of_a_killed_run_is_taken_up(bench: Bench, shop: Shop, truth: list[object]) -> None:
    """Killed while it waited, a run has left a ticket; the next one, which wants fewer days, orders nothing."""
    with serve(shop, bench) as url:
        fetcher = bench.fetcher(url)
        real = fetcher._ended  # noqa: SLF001  # the moment to be killed at

        async def killed(*_: object) -> object:
            raise KeyboardInterrupt

        fetcher._ended = killed  # type: ignore[method-assign,assignment]  # noqa: SLF001
        with pytest.raises(KeyboardInterrupt):
            bench.stage(fetcher)
        fetcher._ended = real  # type: ignore[method-assign]  # noqa: SLF001
        assert len(bench.tickets) == 1
        rows, notes = bench.stage(bench.fetcher(url), WANTED[1:])
    assert notes == ["taken from the job that an earlier run had ordered"]
    assert parsed(rows) == [row for row in truth if row["utc_date"] != str(DAYS[0])]  # type: ignore[index]
    assert bench.clean()


def test_what_is_staged_is_not_ordered_again(bench: Bench, shop: Shop, truth: list[object]) -> None:
    """Days that wait on disk are handed on one by one, and only the others are asked for."""
    with serve(shop, bench) as url:
        bench.stage(bench.fetcher(url), WANTED[:1])
        rows, notes = bench.stage(bench.fetcher(url))
    pages = -(-len(truth) // len(DAYS) // 4)
    assert notes == [f"resumed: {pages} of {pages} pages were staged", ""]
    assert parsed(rows) == truth


def test_jobs_that_nobody_waits_for_are_cleaned_up(bench: Bench) -> None:
    """What an earlier run ordered and this one does not want is removed; what comes late, by a later run."""
    service = Service(bench, {"a.parquet": frame("a")}, answer(b'{"execution_status": "RUNNING"}'))
    with (
        serving([service.serving()]) as wire,
        pytest.raises(SourceError, match="has not ended"),
    ):
        bench.stage(bench.fetcher(wire.url, deadline_seconds=0.1))
    assert len(bench.left) == 2
    (bench.state / "jobs" / "taken-by-a-killed-run").mkdir()
    for _ in range(2):
        assert bench.fetcher("http://127.0.0.1:9/v1").units([]) == []
        assert bench.clean(tickets=1)
        late = bench.exports / service.directories[-1] / "late.parquet"
        late.parent.mkdir(exist_ok=True)
        late.write_bytes(b"late")


class Service:
    """An older service of the test's own: what it answers is given, and its jobs are done before they are ordered."""

    def __init__(self, bench: Bench, files: dict[str, pl.DataFrame | bytes], *standings: Answer) -> None:
        """Take the files of every job, and the answers about it; the last one for ever."""
        self._bench, self._files, self._standings = bench, files, list(standings)
        self.directories: list[str] = []
        self.orders = 0

    def serving(self, *orders: Answer) -> Answer:
        """Return what answers; `orders` are what the first orders get, before they get a job."""
        refusals = list(orders)

        def choose(request: str) -> Answer:
            if request.startswith("POST"):
                self.orders += 1
                if refusals:
                    return refusals.pop(0)
                return self._deliver
            return self._standings.pop(0) if len(self._standings) > 1 else self._standings[0]

        return routed(choose)

    def _deliver(self, client: object, request: str) -> None:
        for directory in {path.parent for path in (self._bench.state / "jobs").glob("*.json")}:
            (ticket,) = [json.loads(path.read_text()) for path in directory.glob("*.json")]
            self.directories.append(ticket["directories"][-1])
        for name, content in self._files.items():
            file = self._bench.exports / self.directories[-1] / name
            file.parent.mkdir(parents=True, exist_ok=True)
            data = BytesIO()
            if isinstance(content, pl.DataFrame):
                content.write_parquet(data)
            file.write_bytes(content if isinstance(content, bytes) else data.getvalue())
        answer(b'{"job_id": 7}')(client, request)  # type: ignore[arg-type]  # a socket


def frame(*ids: str, day: date = DAYS[0]) -> pl.DataFrame:
    """Return rows of products."""
    return pl.DataFrame({"product_id": ids, "product_name": ids, "price": [1.5] * len(ids)}).with_columns(
        utc_date=pl.lit(day.isoformat())
    )


def done(**more: object) -> Answer:
    """Return the answer about a job that is complete."""
    return answer(json.dumps({"execution_status": "COMPLETE", **more}).encode())


def ids(rows: Sequence[bytes]) -> list[str]:
    """Return the rows' product_id."""
    return [json.loads(row)["product_id"] for row in rows]


def test_what_a_service_without_row_counts_delivers(bench: Bench) -> None:
    """An id that is a number, other words for under way, folders that name the day, Spark's notes: all understood."""
    by_folder = frame("c", day=DAYS[1]).drop("utc_date")
    files: dict[str, pl.DataFrame | bytes] = {
        "a.parquet": frame("b", "a"),
        f"utc_date={DAYS[1]}/b.parquet": by_folder,
        "_SUCCESS": b"",
        "stray.parquet": frame("x", day=date(2020, 1, 1)),
    }
    under_way = answer(b'{"execution_status": "STARTING"}')
    service = Service(bench, files, under_way, under_way, done())
    with serving([service.serving()]) as wire:
        rows, _ = bench.stage(bench.fetcher(wire.url))
    # A row of no day that was ordered goes with the first day, where the gate rejects it as one of the wrong day.
    assert ids(rows) == ["b", "a", "x", "c"]
    assert bench.clean()


def test_the_declared_rows_must_be_there(bench: Bench) -> None:
    """A file more or less is no delivery, whatever its status; nothing is staged."""
    service = Service(bench, {"a.parquet": frame("a", "b")}, done(rows=3))
    with serving([service.serving()]) as wire, pytest.raises(IncompleteError, match="hold 2 rows, 3 were declared"):
        bench.stage(bench.fetcher(wire.url))
    assert service.orders == 3
    assert len(set(service.directories)) == 3
    assert bench.clean()


def test_a_delivery_without_rows_is_believed_only_when_it_is_declared(bench: Bench) -> None:
    """No file at all may be an empty range, or a service that wrote elsewhere."""
    with (
        serving([Service(bench, {}, done()).serving()]) as wire,
        pytest.raises(IncompleteError, match="delivered no file"),
    ):
        bench.stage(bench.fetcher(wire.url))
    with serving([Service(bench, {}, done(rows=0)).serving()]) as wire:
        assert bench.stage(bench.fetcher(wire.url))[0] == []


def test_an_error_beside_a_job_is_no_delivery(bench: Bench) -> None:
    """COMPLETE with an error, and an order answered by an error: ordered again, into another directory."""
    broken = answer(b'{"job_id": 7, "error": "no room"}')
    service = Service(bench, {"a.parquet": frame("a")}, done(rows=1, errors=["disk full"]), done(rows=1, errors=[]))
    with serving([service.serving(broken)]) as wire:
        rows, note = bench.stage(bench.fetcher(wire.url), WANTED[:1])
    assert ids(rows) == ["a"]
    assert note == ["ordered again, because a job came to nothing"]
    assert (service.orders, len(set(service.directories))) == (3, 2)
    assert bench.clean()


def test_an_order_whose_answer_is_lost_gets_another_directory(bench: Bench) -> None:
    """There may be a job already, and two jobs in one directory would double the rows."""
    service = Service(bench, {"a.parquet": frame("a")}, done(rows=1))
    with serving([service.serving(problem(502, "lost"))]) as wire:
        rows, _ = bench.stage(bench.fetcher(wire.url), WANTED[:1])
    assert ids(rows) == ["a"]
    assert service.orders == 2
    assert bench.clean()


@pytest.mark.parametrize(("status", "hint"), [(401, "MOOTECH_API_KEY"), (404, "There are no jobs"), (422, "Nothing")])
def test_a_refused_order_is_not_sent_again(bench: Bench, status: int, hint: str) -> None:
    """A wrong key or address costs one request; the error says what to do, and the key is in no message."""
    wire: Wire
    with (
        serving([problem(status, f"no job for {API_KEY}")]) as wire,
        pytest.raises(RefusedError, match=str(status)) as caught,
    ):
        bench.stage(bench.fetcher(wire.url))
    assert len(wire.requests) == 1
    assert hint in caught.value.hint
    assert API_KEY not in caught.value.message
    assert bench.clean()


def test_after_a_refused_key_no_order_is_even_written(bench: Bench) -> None:
    """Every range of days fails with the first one's refusal, and one request is all that was sent."""
    with serving([problem(401, "no")]) as wire:
        fetcher = bench.fetcher(wire.url)

        async def both() -> list[object]:
            async with Api(fetcher.endpoint, sleep=at_once) as api:
                orders = (fetcher.stage(api, {job: fetcher.staged(job)}, lambda _job, _rows: None) for job in WANTED)
                return [await asyncio.gather(order, return_exceptions=True) for order in orders]

        refused = [type(error) for errors in asyncio.run(both()) for error in errors]  # type: ignore[attr-defined]
    assert refused == [RefusedError] * len(WANTED)
    assert len(wire.requests) == 1
    assert bench.clean()

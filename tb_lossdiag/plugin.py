"""TensorBoard's door: routes and the page's files. It diagnoses nothing: the store reads, the report says, wire writes.

Every route is GET and read-only. Names of runs, causes and files are looked up in what is known, never joined into paths.
What cannot be served is answered as an `ErrorDocument`: 400 for a request that makes no sense, 404 for what does not
exist, and 503 where our own code failed. Not 500: the store reads on, so the same request may well succeed later, and
the page says so and tries again; the traceback goes to TensorBoard's log and never to the browser.
"""

from __future__ import annotations

import atexit
import dataclasses
import gzip
import hashlib
import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tensorboard.backend import http_util
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

from tb_lossdiag import export
from tb_lossdiag.cache import Cache, folder_of
from tb_lossdiag.comparison import Comparison, compare, with_references
from tb_lossdiag.directory import parse_logdir_spec
from tb_lossdiag.reader.provider import runs_from_provider
from tb_lossdiag.report import Report
from tb_lossdiag.rules import catalogue
from tb_lossdiag.store import MEMORY, Store
from tb_lossdiag.tags import CHOOSABLE, PLUGIN
from tb_lossdiag.translation import LANGUAGES, Language, names, translated
from tb_lossdiag.wire import (
    ComparisonDocument,
    ErrorDocument,
    LayersDocument,
    NamesDocument,
    ReportDocument,
    RunsDocument,
    dumps,
    without_layers,
)

__all__ = ["LossDiagPlugin"]

logger = logging.getLogger("tensorboard")

STATIC = Path(__file__).parent / "static"
CONTENT_TYPES = {  # spelt out: what `mimetypes` says depends on the machine's registry
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
DAY = 86400
FEWEST_TO_COMPARE = 2

WsgiApplication = Callable[..., Any]


class Refused(Exception):  # noqa: N818  (the request is refused; nothing is in error here)
    """A request that is answered with a sentence for a person instead of what it asked for."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page, compressed once: TensorBoard would do it again for every request."""

    content_type: str
    compressed: bytes


@dataclass(frozen=True, slots=True)
class Format:
    """A form in which reports leave the tab as a file."""

    suffix: str
    content_type: str
    render: Callable[[Sequence[Report], Comparison | None, Language], str]


FORMATS = {
    "json": Format("json", "application/json", export.to_json),
    "markdown": Format("md", "text/markdown", export.to_markdown),
    "html": Format("html", "text/html", export.to_html),
}


class LossDiagPlugin(base_plugin.TBPlugin):  # type: ignore[misc]  # TensorBoard is untyped
    """The Diagnosis tab. Reading starts with the first request: a tab that nobody opens costs nothing."""

    plugin_name = PLUGIN

    def __init__(self, context: base_plugin.TBContext, store: Store | None = None) -> None:
        super().__init__(context)
        self._logdir = shown_logdir(context)
        self._store = store if store is not None else open_store(context)
        self._interval = interval_of(context)
        self._files = page_files(STATIC)
        self._version = version_of(self._files)
        self._starting = threading.Lock()
        self._started = False

    def get_plugin_apps(self) -> dict[str, WsgiApplication]:
        """Our routes, below `data/plugin/lossdiag`."""
        return {
            "/runs": serve(self._serve_runs),
            "/report": serve(self._serve_report),
            "/layers": serve(self._serve_layers),
            "/compare": serve(self._serve_compare),
            "/cause": serve(serve_cause),
            "/names": serve(serve_names),
            "/export": serve(self._serve_export),
            "/static/*": serve(self._serve_file),
        }

    def is_active(self) -> bool:
        """TensorBoard asks only where it has no data under `data_plugin_names`; then there is nothing to diagnose."""
        return False

    def data_plugin_names(self) -> tuple[str, ...]:
        """The tab lights up for logs of `DiagWriter` and for any run with scalars; TensorBoard looks that up for free."""
        return (PLUGIN, "scalars")

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """The page's module. The hash lets browsers keep it until it changes."""
        return base_plugin.FrontendMetadata(
            es_module_path=f"/static/index.js?_file_hash={self._version}", tab_name="Diagnosis"
        )

    def _data(self) -> Store:
        """The store, reading in the background from the first time on, and looking for news now."""
        with self._starting:
            if not self._started:
                self._store.start(self._interval)
                self._started = True
        self._store.wake()
        return self._store

    def _serve_runs(self, request: wrappers.Request) -> wrappers.Response:
        store = self._data()
        document = RunsDocument(store.entries(), store.loading, store.message, self._logdir)
        return respond(request, document)

    def _serve_report(self, request: wrappers.Request) -> wrappers.Response:
        store, name = self._data(), one(request, "run")
        try:
            entry = store.entry(name)
        except KeyError:
            if store.loading:  # it may be among the runs that are still to be read
                return respond(request, ReportDocument([], "reading"))
            raise unknown_run(name) from None
        found = [] if entry.verdict is None else [report_of(store, name, roles_of(request))]
        reports = with_references(found, store.reports())
        if request.args.get("without") == "layers":
            reports = [without_layers(each) for each in reports]
        return respond(request, ReportDocument(reports, entry.status, entry.revision))

    def _serve_layers(self, request: wrappers.Request) -> wrappers.Response:
        store, name = self._data(), one(request, "run")
        report = report_of(store, name, {})
        return respond(request, LayersDocument(report.layers, store.entry(name).revision))

    def _serve_compare(self, request: wrappers.Request) -> wrappers.Response:
        names = list(dict.fromkeys(request.args.getlist("run")))
        if len(names) < FEWEST_TO_COMPARE:
            raise Refused(400, "Name at least two different runs to compare: ?run=A&run=B.")
        store, roles = self._data(), roles_of(request)
        reports = [report_of(store, name, roles) for name in names]
        if request.args.get("without") == "layers":
            reports = [dataclasses.replace(each, layers=()) for each in reports]
        return respond(request, ComparisonDocument(compare(reports)))

    def _serve_export(self, request: wrappers.Request) -> wrappers.Response:
        wanted = one(request, "format")
        if wanted not in FORMATS:
            raise Refused(400, f"Reports are exported as {', '.join(FORMATS)}; there is no format {quoted(wanted)}.")
        store, chosen = self._data(), FORMATS[wanted]
        asked = list(dict.fromkeys(request.args.getlist("run")))
        names = asked or [entry.run for entry in store.entries() if entry.verdict is not None]
        if not names:
            raise Refused(404, "There is no report to export yet.")
        reports = with_references([report_of(store, name, roles_of(request)) for name in names], store.reports())
        try:
            content = chosen.render(reports, None, language_of(request))
        except export.PageMissing as missing:
            raise Refused(503, str(missing)) from missing
        disposition = f'attachment; filename="{file_name(names, chosen.suffix)}"'
        return reply(request, content, chosen.content_type, headers=[("Content-Disposition", disposition)])

    def _serve_file(self, request: wrappers.Request) -> wrappers.Response:
        name = request.path.partition("/static/")[2]
        file = self._files.get(name)
        if file is None:
            raise Refused(404, f"The page has no file {quoted(name)}.")
        lasting = request.args.get("_file_hash") == self._version
        return reply(
            request, file.compressed, file.content_type, content_encoding="gzip", expires=DAY if lasting else 0
        )


def serve_cause(request: wrappers.Request) -> wrappers.Response:
    """The page of one cause of the catalogue."""
    wanted = one(request, "id")
    rule = catalogue().get(wanted)
    if rule is None:
        raise Refused(404, f"There is no cause {quoted(wanted)}.")
    return respond(request, export.cause_document(rule, language_of(request)))


def serve_names(request: wrappers.Request) -> wrappers.Response:
    """What causes and signals are called."""
    return respond(request, NamesDocument(names(language_of(request))))


def serve(handler: Callable[[wrappers.Request], wrappers.Response]) -> WsgiApplication:
    """A route that answers GET, and whatever happens answers with a document."""

    @wrappers.Request.application
    def application(request: wrappers.Request) -> wrappers.Response:
        if request.method not in {"GET", "HEAD"}:
            error = ErrorDocument("Everything here is read-only: use GET.")
            return respond(request, error, code=405, headers=[("Allow", "GET, HEAD")])
        try:
            return handler(request)
        except Refused as refused:
            return respond(request, ErrorDocument(refused.sentence), code=refused.code)
        except Exception:
            logger.exception("tb_lossdiag could not answer %s", request.path)
            return respond(
                request, ErrorDocument("The diagnosis failed here; TensorBoard's own output says why."), code=503
            )

    return application


def respond(
    request: wrappers.Request, document: object, *, code: int = 200, headers: Sequence[tuple[str, str]] = ()
) -> wrappers.Response:
    """A document of `wire` as an answer that TensorBoard's security checks accept."""
    content = dumps(translated(document, language_of(request)))
    return reply(request, content, "application/json", code=code, headers=list(headers))


def reply(request: wrappers.Request, content: str | bytes, content_type: str, **more: Any) -> wrappers.Response:  # noqa: ANN401
    """TensorBoard's way of answering, with the headers that its security checks want."""
    response: wrappers.Response = http_util.Respond(request, content, content_type, **more)
    return response


def one(request: wrappers.Request, name: str) -> str:
    """The parameter that the request must have exactly once."""
    given = request.args.getlist(name)
    if len(given) != 1:
        raise Refused(400, f"Say which with exactly one ?{name}=.")
    return str(given[0])


def language_of(request: wrappers.Request) -> Language:
    """The language that the request asks for; English where we do not speak it."""
    return next((each for each in LANGUAGES if each == request.args.get("lang")), "en")


def roles_of(request: wrappers.Request) -> dict[str, str]:
    """The tags that the request puts into roles: `?train_loss=my/tag`."""
    return {role: request.args[role] for role in CHOOSABLE if role in request.args}


def report_of(store: Store, name: str, roles: Mapping[str, str]) -> Report:
    """The run's report, or a refusal that tells a run that is not there from one that is not read yet."""
    try:
        return store.report_with(name, roles) if roles else store.report(name)
    except KeyError:
        if store.loading:
            raise Refused(404, f"The run {quoted(name)} has not been read yet: try again in a moment.") from None
        raise unknown_run(name) from None


def unknown_run(name: str) -> Refused:
    """The answer for a run that the log directory does not hold."""
    return Refused(404, f"There is no run {quoted(name)} in the log directory.")


def quoted(name: str) -> str:
    """A name from a request in a sentence, at a length that a person reads."""
    longest = 100
    return f'"{name if len(name) <= longest else name[:longest] + "…"}"'


def file_name(runs: Sequence[str], suffix: str) -> str:
    """A file name that every system takes, whatever the runs are called.

    >>> file_name(["../sweep/lr=0.1"], "md")
    'lossdiag-sweep-lr-0.1.md'
    >>> file_name(["a", "b"], "json")
    'lossdiag-2-runs.json'
    """
    longest = 80
    about = runs[0] if len(runs) == 1 else f"{len(runs)}-runs"
    safe = re.sub(r"[^A-Za-z0-9._]+", "-", about).strip("-.")[:longest] or "run"
    return f"lossdiag-{safe}.{suffix}"


def page_files(folder: Path) -> dict[str, PageFile]:
    """The page's files by name. Only these are served: a request cannot name any other."""
    return {
        path.name: PageFile(CONTENT_TYPES[path.suffix], gzip.compress(path.read_bytes(), mtime=0))
        for path in sorted(folder.iterdir())
        if path.suffix in CONTENT_TYPES and path.is_file()
    }


def version_of(files: Mapping[str, PageFile]) -> str:
    """A short hash over all files, so that it changes when any of them does."""
    digest = hashlib.sha256()
    for name, file in files.items():
        digest.update(name.encode())
        digest.update(file.compressed)
    return digest.hexdigest()[:16]


def shown_logdir(context: base_plugin.TBContext) -> str:
    """Where the runs come from, in the user's own words."""
    return context.logdir or getattr(context.flags, "logdir_spec", None) or ""


def open_store(context: base_plugin.TBContext) -> Store:
    """A store over what TensorBoard was pointed at: its directories, or what it has read itself where they are not local.

    Reading the files ourselves gives every point; TensorBoard keeps a random sample. Links are followed as it follows them.
    """
    roots = {"": context.logdir} if context.logdir else parse_logdir_spec(shown_logdir(context))
    if context.data_provider is None or (roots and not any("://" in root for root in roots.values())):
        cache = Cache(folder_of(getattr(context.flags, "lossdiag_cache", None)))
        atexit.register(cache.close)
        return Store(roots, follow_links=True, memory=memory_of(context), cache=cache)
    return Store(roots, remote=partial(runs_from_provider, context.data_provider, RequestContext(), experiment_id=""))


def memory_of(context: base_plugin.TBContext) -> int:
    """Bytes that values may take, from our own flag."""
    megabytes = getattr(context.flags, "lossdiag_memory", None)
    return int(megabytes * 1e6) if megabytes and megabytes > 0 else MEMORY


def interval_of(context: base_plugin.TBContext) -> float:
    """Seconds between looks at the log directory; where the user turned reloading off, only requests look."""
    seconds = float(getattr(context.flags, "reload_interval", None) or 0.0)
    return min(seconds, threading.TIMEOUT_MAX) if seconds > 0 else threading.TIMEOUT_MAX

"""The service over HTTP: routes, what is refused before a route is reached, and what is said of both."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import python_multipart  # noqa: F401  # FastAPI reads forms with it
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from residua.serve.limits import BAD, BUSY, LARGE, SLOW, UNKNOWN_TYPE, Refused
from residua.serve.page import page_files
from residua.serve.service import File, Service

FORM: Final = "multipart/form-data"
FIELD: Final = "images"
RETRY: Final = {"Retry-After": "1"}
BOUNDED: Final = 8
"""Files beyond the limit that are still counted, to say how many there are."""

FILES: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {
                        FIELD: {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                        }
                    },
                }
            },
            **{
                f"image/{kind}": {"schema": {"type": "string", "format": "binary"}}
                for kind in ("jpeg", "png", "webp", "bmp", "gif", "tiff")
            },
        },
    }
}
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "description": said,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": {"type": "string"}},
                },
                "example": {"error": example},
            }
        },
    }
    for status, said, example in (
        (400, "The request is not one of files.", "the request holds no picture"),
        (408, "The request did not arrive in time.", "the request did not arrive within 30 seconds"),
        (
            413,
            "The body, or the number of pictures, is over the limit.",
            "at most 16,000,000 bytes are taken",
        ),
        (415, "The content type is neither a form nor a picture.", "send multipart/form-data"),
        (422, "A picture cannot be read, or a parameter is wrong.", "cat.jpg: the file is empty (0 bytes)"),
        (503, "Too many pictures are waiting; see Retry-After.", "too many pictures are waiting"),
    )
}


def make_app(service: Service) -> FastAPI:
    """Return the service as an ASGI application.

    Nothing of a request is written anywhere, but for files above a megabyte, which lie in nameless temporary files
    until they are read. The page of FastAPI for its own documentation is left out: it loads from another host.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.warm_up()
        service.batcher.start()
        yield
        await service.stop()

    app = FastAPI(
        title="Residua",
        description="Says what is in pictures. `GET /about` names the classes and the limits.",
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    add_routes(app, service)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)
    app.add_middleware(Guard, service=service)
    return app


def add_routes(app: FastAPI, service: Service) -> None:
    """Put the routes of the service into an application."""

    async def predict(request: Request, top: int = Query(5, ge=1, le=1000)) -> Any:
        return await service.predict(await files_of(request, service), top=top)

    async def explain(
        request: Request, label: str | None = Query(None, alias="class", max_length=200)
    ) -> Any:
        return await service.explain(await files_of(request, service), label=label)

    def about() -> Any:
        return service.about()

    def alive() -> Any:
        return {"status": "alive"}

    def ready() -> Response:
        status = 200 if service.ready else BUSY
        return JSONResponse(
            {"status": "ready" if service.ready else "busy"}, status, None if service.ready else RETRY
        )

    def metrics() -> Response:
        text = service.metrics.text(queue=service.queued)
        return Response(text, media_type="text/plain; version=0.0.4")

    said = answer_example(service)
    app.post(
        "/predict",
        summary="Say what is in one or many pictures",
        openapi_extra=FILES,
        responses={200: {"content": {"application/json": {"example": said}}}, **REFUSALS},
    )(predict)
    app.post(
        "/explain",
        summary="Show where in a picture a class is seen (Grad-CAM)",
        openapi_extra=FILES,
        responses=REFUSALS,
    )(explain)
    app.get("/about", summary="Model, classes and limits")(about)
    app.get("/healthz", summary="The process is alive")(alive)
    app.get(
        "/readyz", summary="It would take a picture now", responses={503: {"description": "It would not."}}
    )(ready)
    app.get("/metrics", summary="Counts, as Prometheus reads them", response_class=Response)(metrics)
    for path, content, kind in page_files():
        app.get(path, include_in_schema=False)(answering(content, kind))


def answering(content: bytes, kind: str) -> Callable[[], Awaitable[Response]]:
    """Return a route that gives a file of the page."""

    async def file() -> Response:
        return Response(content, media_type=kind)

    return file


def answer_example(service: Service) -> dict[str, Any]:
    """Return what an answer looks like."""
    names = service.classes[:2]
    if service.program.card.segments:
        result: dict[str, Any] = {"mask": "iVBORw0KGgo...", "colours": ["#e55c5c"], "classes": []}
    else:
        shares = (0.93, 0.05)
        result = {
            "classes": [
                {"class": name, "probability": share} for name, share in zip(names, shares, strict=False)
            ]
        }
    return {"model": service.program.card.model.name, "results": [{"name": "cat.jpg", **result}]}


async def files_of(request: Request, service: Service) -> list[File]:
    """Return the files in a request: a form, or a picture as the body.

    Raises:
        Refused: it is neither, or it does not arrive in time.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        async with asyncio.timeout(service.limits.patience):
            if kind == FORM:
                return await files_of_form(request, service.limits.pictures + BOUNDED)
            if kind.startswith("image/") or kind == "application/octet-stream":
                body = await request.body()
                return [("picture", body)]
    except TimeoutError as error:
        raise Refused(
            SLOW, f"the request did not arrive within {service.limits.patience:g} seconds"
        ) from error
    raise Refused(
        UNKNOWN_TYPE,
        f"send {FORM} with files in the field '{FIELD}', or a picture as the body with its type, such as image/jpeg",
    )


async def files_of_form(request: Request, most: int) -> list[File]:
    """Return the files in the field `images` of a form."""
    async with request.form(max_files=most, max_fields=BOUNDED) as form:
        found = form.getlist(FIELD)
        others = sorted({name for name in form if name != FIELD})
        if others or not all(isinstance(one, UploadFile) for one in found):
            raise Refused(BAD, f"a form of files in the field '{FIELD}', and nothing else, is taken")
        return [(one.filename or "", await one.read()) for one in found if isinstance(one, UploadFile)]


async def refused(_: Request, error: Exception) -> Response:
    """Answer a refusal with its reason."""
    assert isinstance(error, Refused)
    return JSONResponse({"error": str(error)}, error.status, RETRY if error.status == BUSY else None)


async def invalid(_: Request, error: Exception) -> Response:
    """Answer a wrong parameter with what is wrong about it."""
    assert isinstance(error, RequestValidationError)
    told = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
    return JSONResponse({"error": told}, 422)


async def plain(_: Request, error: Exception) -> Response:
    """Answer what the framework refuses, such as an unknown path, in the form of everything else."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


SAFE: Final = (
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     b"img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)  # fmt: skip


BODIES: Final = 16
"""Bodies of the largest size that are held at once; one more has to come again."""


class TooLong(Exception):
    """More bytes of a body have come than are taken."""


class Crowded(Exception):
    """The requests that are being received hold as much memory as they may."""


class Guard:
    """Counts the bytes of a body as they come, and the answers as they go; says what a browser may do with them."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless its body is too long."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, most = time.perf_counter(), self.service.limits.body
        seen, sent = 0, False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            come = len(message.get("body", b""))
            seen += come
            self.held += come
            if seen > most:
                raise TooLong
            if self.held > BODIES * most:
                raise Crowded
            return message

        async def noted(message: Message) -> None:
            nonlocal sent
            if message["type"] == "http.response.start":
                sent = True
                message["headers"] = [*message["headers"], *SAFE]
                self.count(scope, message["status"], time.perf_counter() - began)
            await send(message)

        declared = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            if declared.isdigit() and int(declared) > most:
                raise TooLong
            await self.app(scope, counted, noted)
        except (TooLong, Crowded) as error:
            if not sent:
                await self.dropped(error)(scope, receive, noted)
        finally:
            self.held -= seen

    def dropped(self, error: Exception) -> JSONResponse:
        """Return the answer to a request of which the rest is not received."""
        if isinstance(error, Crowded):
            busy = "too many pictures are being received; try again in a second"
            return JSONResponse({"error": busy}, BUSY, {**RETRY, "Connection": "close"})
        told = f"at most {self.service.limits.body:,} bytes are taken in one request"
        return JSONResponse({"error": told}, LARGE, {"Connection": "close"})

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answer; a path that is none of ours is not remembered by its name."""
        path = scope["path"] if "route" in scope else "other"
        self.service.metrics.answered(path, status, seconds)

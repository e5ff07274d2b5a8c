"""What may be done with a recorded run: fork, repeat, download, embed;
and, for whoever made it, name and delete.
"""

from __future__ import annotations

from dash import dcc, html
from dash.development.base_component import Component

from app.links import origin, page_url, run_url
from app.pages.run.words import fork_note, fork_url
from backend.schemas import Run

FILES = {"json": "JSON", "parquet": "Parquet", "notebook": "notebook"}


def tools(run: Run, href: str | None) -> Component:
    """The row under the title."""
    frame = (
        f'<iframe src="{origin(href)}{run_url(run.run_id)}?embed=1" width="100%" '
        'height="640"></iframe>'
    )
    files = [
        html.A(
            name,
            href=page_url(f"/api{_api_path(run)}/file", format=kind),
            download="",
            className="fs-link",
        )
        for kind, name in FILES.items()
    ]
    return html.Div(
        [
            dcc.Link(
                "fork: open it editable",
                href=fork_url(run),
                className="fs-button fs-button--primary",
                id="run-fork",
            ),
            html.Button("re-run and compare", id="run-again", type="button", className="fs-button"),
            html.Button(
                "copy embed code",
                type="button",
                className="fs-button",
                title="an <iframe> that shows this run, and nothing else, on another page",
                **{"data-fs-copy": frame},
            ),
            html.Span(["download ", *files], className="fs-run-files fs-small"),
            html.Span(id="run-agreement", role="status", className="fs-small"),
            html.Span(fork_note(run), className="fs-small"),
        ],
        className="fs-actions fs-run-tools",
    )


def owner(run: Run) -> Component:
    """Naming and deleting; static/js/run/owner.js shows it in the browser that recorded the run."""
    fields = [
        dcc.Input(
            name=name,
            placeholder=f"{name} (given once)",
            maxLength=most,
            id=f"run-{name}",
            autoComplete="off",
        )
        for name, most, value in (("title", 200, run.title), ("note", 4000, run.note))
        if value is None
    ]
    give = [html.Button("save", type="submit", className="fs-button")] if fields else []
    remove = html.Button(
        "delete this run",
        type="button",
        className="fs-button",
        **{"data-fs-delete-run": run.run_id},
    )
    form = html.Form([*fields, *give, remove], **{"data-run": run.run_id})
    return html.Div(
        [html.Span("You recorded this run.", className="fs-small"), form],
        id="run-owner",
        hidden=True,
        className="fs-run-owner",
    )


def embedded(run: Run) -> Component:
    """Shown only inside a frame: the way to the whole page."""
    link = html.A(
        f"run {run.run_id} on FunctionScope",
        href=run_url(run.run_id),
        target="_blank",
        rel="noopener",
    )
    return html.P(link, className="fs-embedded")


def _api_path(run: Run) -> str:
    return f"/runs/{run.run_id}"

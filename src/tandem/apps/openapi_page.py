"""The OpenAPI document as one HTML page for people: it loads nothing, and its script only searches."""

import base64
import hashlib
import re
from collections.abc import Iterator
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --strong: #0969da; --get: #1a7f37; --post: #9a6700;
  --put: #0969da; --delete: #cf222e }
@media (prefers-color-scheme: dark) { :root { --strong: #58a6ff; --get: #3fb950; --post: #d29922; --put: #58a6ff;
  --delete: #f85149 } }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 6rem }
h1 { font-size: 1.6rem; margin: 0 }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem }
p { margin: .4rem 0 }
a { color: var(--strong) }
code, pre { font: 13px/1.5 ui-monospace, monospace }
pre { background: var(--soft); border-radius: 6px; margin: .4rem 0; overflow-x: auto; padding: .7rem }
input { background: Canvas; border: 1px solid var(--line); border-radius: 6px; color: CanvasText; font: inherit;
  margin: 1rem 0 0; padding: .5rem .7rem; position: sticky; top: .5rem; width: 100%; z-index: 1 }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0 }
summary { cursor: pointer; display: flex; flex-wrap: wrap; gap: .2rem .7rem; padding: .5rem .7rem }
summary b { min-width: 4rem }
summary span { margin-left: auto; opacity: .7 }
details > div { border-top: 1px solid var(--line); padding: .3rem .8rem .8rem }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid var(--line); padding: .25rem .5rem .25rem 0; text-align: left; vertical-align: top }
h3 { font-size: .9rem; margin: 1rem 0 .2rem }
.get { color: var(--get) } .post { color: var(--post) } .put { color: var(--put) } .delete { color: var(--delete) }
[hidden] { display: none }
"""
_SCRIPT = """
const field = document.querySelector("input"), rows = [...document.querySelectorAll("details")];
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\\s+/);
  for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
  for (const part of document.querySelectorAll("section"))
    part.hidden = !part.querySelector("details:not([hidden])");
});
const reveal = () => {
  const row = location.hash && document.getElementById(location.hash.slice(1));
  if (row) row.open = true;
};
addEventListener("hashchange", reveal);
reveal();
"""


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; script-src {_hash(_SCRIPT)}; style-src {_hash(_STYLE)}; base-uri 'none'; form-action 'none'"
)

Json = dict[str, Any]


def page(document: Json) -> str:
    operations = [(path, method, o) for path, methods in document["paths"].items() for method, o in methods.items()]
    sections = []
    for tag in (tag["name"] for tag in document["tags"]):
        rows = "".join(_operation(document, *row) for row in operations if tag in row[2]["tags"])
        if rows:
            sections.append(f"<section><h2>{escape(tag)}</h2>{rows}</section>")
    shapes = "".join(
        f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"<div>{_shape(schema)}</div></details>"
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{escape(document['info']['description'])}</p>"
        '<p>The same for programs: <a href="/openapi.json">openapi.json</a>. An account\'s own events: '
        '<a href="#user-data-events">user data events</a>.</p>'
        '<input type="search" placeholder="Search: a path, a parameter, a field" aria-label="Search" autofocus>'
        f"{''.join(sections)}{_events(document)}<section><h2>Schemas</h2>{shapes}</section><script>{_SCRIPT}</script></body></html>\n"
    )


def _operation(document: Json, path: str, method: str, operation: Json) -> str:
    facts = [
        f"security {operation['x-security']}",
        f"weight {_weight(operation)}",
        *([f"counts as {operation['x-order-count']} orders"] if "x-order-count" in operation else []),
        *([f"WebSocket API <code>{escape(operation['x-ws-method'])}</code>"] if "x-ws-method" in operation else []),
    ]
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return (
        f'<details id="{escape(operation["operationId"])}"><summary><b class="{method}">{method.upper()}</b>'
        f"<code>{escape(path)}</code><span>{escape(operation['summary'])}</span></summary><div>"
        f"<p>{', '.join(facts)}</p>{_prose(operation.get('description', ''))}"
        f"{_parameters(document, operation['parameters'])}"
        f"<h3>Answer</h3><p>{_type(answer)}</p>"
        f"<h3>Example</h3><pre>{escape(operation['x-code-samples'][0]['source'])}</pre></div></details>"
    )


def _events(document: Json) -> str:
    """What an account's own streams say."""
    known = document["components"]["schemas"]
    rows = []
    for event in document["x-user-data-events"]["events"]:
        fields = "".join(
            f"<tr><td><code>{escape(field['letter'])}</code></td><td>{_word(field['type'], known)}</td>"
            f"<td>{escape(field['meaning'])}</td><td>{escape(field['when'])}</td></tr>"
            for field in event["fields"]
        )
        rows.append(
            f'<details id="event-{escape(event["name"])}"><summary><code>{escape(event["name"])}</code></summary>'
            f"<div><p>{escape(event['when'])}</p><table><tr><th>letter</th><th>type</th><th>meaning</th>"
            f"<th>when it is there</th></tr>{fields}</table></div></details>"
        )
    introduction = _prose(document["x-user-data-events"]["introduction"])
    return f'<section id="user-data-events"><h2>User data events</h2>{introduction}{"".join(rows)}</section>'


def _word(notation: str, known: Json) -> str:
    return " or ".join(
        f'<a href="#schema-{escape(name)}">{escape(name)}</a>' if name in known else escape(name)
        for name in notation.split("|")
    )


def _prose(text: str) -> str:
    """Of CommonMark only what is used here: paragraphs, tables, `code`."""
    return "".join(
        _table(part) if part.startswith("|") else f"<p>{_code(part)}</p>" for part in text.split("\n\n") if part
    )


def _table(text: str) -> str:
    head, _line, *rows = (row.strip("|").split("|") for row in text.splitlines())
    shown = "".join(f"<tr>{''.join(f'<td>{_code(cell.strip())}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{escape(cell.strip())}</th>' for cell in head)}</tr>{shown}</table>"


def _code(text: str) -> str:
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(text, quote=False))


def _weight(operation: Json) -> str:
    weight = operation["x-weight"]
    if isinstance(weight, dict):
        return f"{weight['plain']}, decided by {', '.join(map(escape, weight['decided_by']))}"
    success = operation.get("x-weight-on-success")
    return str(weight) if success is None else f"{weight}, {success} when it succeeds"


def _parameters(document: Json, parameters: list[Json]) -> str:
    if not parameters:
        return ""
    rows = []
    for parameter in parameters:
        if "$ref" in parameter:
            parameter = document["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
        schema = parameter.get("schema") or parameter["content"]["application/json"]["schema"]
        needed = " <small>(needed)</small>" if parameter["required"] else ""
        rows.append(
            f"<tr><td><code>{escape(parameter['name'])}</code>{needed}</td><td>{_type(schema)}</td>"
            f"<td>{escape(parameter.get('description', ''))}</td></tr>"
        )
    return f"<h3>Parameters</h3><table><tr><th>name</th><th>type</th><th>what</th></tr>{''.join(rows)}</table>"


def _shape(schema: Json) -> str:
    """A named schema: its fields, its choices, or its type."""
    if "properties" not in schema:
        choices = schema.get("anyOf", [])
        return "".join(map(_shape, choices)) or f"<p>{_type(schema)}</p>"
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_type(field)}</td>"
        f"<td>{'' if name in schema.get('required', ()) else 'not always there'}</td></tr>"
        for name, field in schema["properties"].items()
    )
    return f"<table>{rows}</table>" if rows else "<p>nothing</p>"


def _type(schema: Json) -> str:
    return " or ".join(_types(schema)) or "anything"


def _types(schema: Json) -> Iterator[str]:
    if "anyOf" in schema:
        for choice in schema["anyOf"]:
            yield from _types(choice)
    elif "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        yield f'<a href="#schema-{name}">{name}</a>'
    elif "prefixItems" in schema:
        yield f"[{', '.join(map(_type, schema['prefixItems']))}]"
    elif schema.get("type") == "array":
        yield f"list of {_type(schema['items'])}" if schema["items"] else "an empty list"
    elif "additionalProperties" in schema:
        yield f"an object of {_type(schema['additionalProperties'])}"
    elif "enum" in schema or "const" in schema:
        yield " ".join(f"<code>{escape(str(value))}</code>" for value in schema.get("enum") or [schema["const"]])
    elif "type" in schema:
        pattern = f" <code>{escape(schema['pattern'])}</code>" if "pattern" in schema else ""
        limits = f" {schema['minimum']} to {schema['maximum']}" if "maximum" in schema else ""
        yield f"{schema['type']}{pattern}{limits}"

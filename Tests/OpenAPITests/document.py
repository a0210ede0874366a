"""Checks docs/openapi.json itself, and answers against it."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator

import openapi_spec_validator
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from http_caller import Answer

PATH = pathlib.Path(__file__).parents[2] / "docs" / "openapi.json"


class Document:
    """An OpenAPI 3.1 document whose references all lead into its own components."""

    def __init__(self, path: pathlib.Path = PATH):
        self.bytes = path.read_bytes()
        self._root = json.loads(self.bytes)

    def operations(self) -> Iterator[tuple[str, str, dict]]:
        """Method, path and definition of each operation."""
        for path, item in self._root["paths"].items():
            for method, operation in item.items():
                if method != "parameters":
                    yield method.upper(), path, operation

    def exchanges(self) -> set[tuple[str, str, int]]:
        """Method, path and status of each answer that is documented by its own status."""
        return {
            (method, path, int(status))
            for method, path, operation in self.operations()
            for status in operation["responses"]
            if status.isdigit()
        }

    def flaws(self) -> Iterator[str]:
        """The violations of OpenAPI's rules, and of schemas by examples."""
        for error in openapi_spec_validator.OpenAPIV31SpecValidator(self._root).iter_errors():
            yield f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        yield from self._example_flaws(self._root, "")

    def _example_flaws(self, node: object, where: str) -> Iterator[str]:
        if isinstance(node, dict):
            parts = list(node.items())
        else:
            parts = list(enumerate(node)) if isinstance(node, list) else []
        for key, value in parts:
            yield from self._example_flaws(value, f"{where}/{key}")
        if isinstance(node, dict) and "schema" in node:
            examples = {name: part["value"] for name, part in node.get("examples", {}).items()}
            if "example" in node:
                examples["example"] = node["example"]
            for name, value in examples.items():
                for error in self._errors(node["schema"], value):
                    yield f"{where}, example {name}: {error}"

    def disagreements(self, method: str, path: str, answer: Answer) -> Iterator[str]:
        """The differences between an answer and the document."""
        responses = self._root["paths"][path][method.lower()]["responses"]
        status = str(answer.status)
        response = responses.get(status) or responses.get(f"{status[0]}XX")
        if response is None:
            yield "the status is not documented"
        else:
            yield from self._disagreements(self._resolved(response), answer)

    def component_disagreements(self, name: str, answer: Answer) -> Iterator[str]:
        """The same, for one of the components' responses."""
        yield from self._disagreements(self._root["components"]["responses"][name], answer)

    def _disagreements(self, response: dict, answer: Answer) -> Iterator[str]:
        for name, header in response.get("headers", {}).items():
            header = self._resolved(header)
            value = answer.fields.get(name.lower())
            if value is None:
                if header.get("required"):
                    yield f"{name} is missing"
                continue
            if header["schema"].get("type") == "integer" and value.isdigit():
                value = int(value)
            for error in self._errors(header["schema"], value):
                yield f"{name}: {error}"
        content = response["content"].get(answer.fields.get("content-type"))
        if content is None:
            yield f"the media type {answer.fields.get('content-type')} is not documented"
            return
        for error in self._errors(content["schema"], json.loads(answer.body)):
            yield f"the body: {error}"

    def _resolved(self, node: dict) -> dict:
        if "$ref" not in node:
            return node
        target = self._root
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return target

    def _errors(self, schema: dict, value: object) -> list[str]:
        # References start at the root of the validated document.
        whole = {**schema, "components": self._root["components"]}
        validator = OAS31Validator(whole, format_checker=oas31_format_checker)
        return [error.message for error in validator.iter_errors(value)]

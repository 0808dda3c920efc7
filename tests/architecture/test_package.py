"""The template matches the code completely."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.session import get_session
from chalice.app import SQSEventConfig

from app import app
from infra.package import prune, resources
from infra.package.build import build, build_template, digest, tick_sentence
from tests.support.built_package import built_package

ROOT = Path(__file__).resolve().parents[2]
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
WHOLE = """
import datetime, importlib, logging, pkgutil
import app, github, jsonschema, nacl.public, chalicelib
for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    if not module.name.endswith("__main__"):
        vars(importlib.import_module(module.name))
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from chalicelib.integrations.aws.log_format import make_formatter
from chalicelib.integrations.aws.metrics import EmbeddedMetrics
from chalicelib.web.http.routes import ALL_ROUTES
from chalicelib.web.openapi.document import build_document
build_document([one for room in ALL_ROUTES for one in room.operations])
make_formatter("prod").format(logging.makeLogRecord({"msg": "said"}))
AESGCM(AESGCM.generate_key(256)).encrypt(bytes(12), b"", None)
nacl.public.SealedBox(nacl.public.PrivateKey.generate().public_key).encrypt(b"")
jsonschema.validate({}, {"type": "object"})
EmbeddedMetrics("prod").record_tick(1, datetime.timedelta())
"""
FUNCTIONS = CONFIG["stages"]["dev"]["lambda_functions"]
NOBODY = {"region_name": "eu-west-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
TEMPLATE = resources.template()["Resources"]


def test_each_function_has_its_own_memory_timeout_and_policy():
    named = {source.name for source in app.event_sources} | {"api_handler"}
    assert set(FUNCTIONS) == named
    for function in FUNCTIONS.values():
        assert {"lambda_memory_size", "lambda_timeout", "iam_policy_file"} <= set(function)
    files = [function["iam_policy_file"] for function in FUNCTIONS.values()]
    assert len(files) == len(set(files))


def test_no_policy_allows_everything():
    for function in FUNCTIONS.values():
        policy = json.loads((ROOT / ".chalice" / function["iam_policy_file"]).read_text())
        for statement in policy["Statement"]:
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                assert not action.endswith("*"), action
            assert statement["Resource"] != "*", statement


def test_each_queue_has_dead_letters_and_tells_which_messages_failed():
    sources = [source for source in app.event_sources if isinstance(source, SQSEventConfig)]
    assert sources
    queues = {
        part["Properties"]["QueueName"]: part["Properties"]
        for part in TEMPLATE.values()
        if part.get("Type") == "AWS::SQS::Queue"
    }
    for source in sources:
        assert queues[source.queue]["RedrivePolicy"]["maxReceiveCount"] > 1
        assert f"{source.queue}-dead" in queues
        (event,) = TEMPLATE[resources.to_cfn_resource_name(source.name)]["Properties"][
            "Events"
        ].values()
        assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_two_parts_of_the_template_may_not_share_a_name():
    with pytest.raises(ValueError, match="two resources"):
        resources.joined([{"A": {}}, {"A": {}}])


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the package of a stage was built."""
    return built_package(tmp_path_factory)


@pytest.mark.parametrize(
    "room", ["domain.runs.run", "actions.firing.firing", "ports", "runner.worker"]
)
def test_the_core_and_the_runner_load_nothing_of_aws(room: str):
    heavy = ["boto3", "botocore", "pynamodb", "chalice", "pydantic"]
    program = f"import chalicelib.{room}, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_package_holds_byte_code_and_is_the_same_for_the_same_sources(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STAGE", "dev")
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "cache"))
    assert build(tmp_path / "another") == digest(package)
    with zipfile.ZipFile(tmp_path / "another" / "deployment.zip") as archive:
        names = set(archive.namelist())
    modules = [name for name in names if name.startswith("chalicelib/") and name.endswith(".py")]
    assert len(modules) > 50
    tag = sys.implementation.cache_tag
    for name in [*modules, "app.py"]:
        folder, _, file = name.rpartition("/")
        compiled = f"__pycache__/{file.removesuffix('.py')}.{tag}.pyc"
        is_runner = folder.startswith("chalicelib/runner")
        assert ((f"{folder}/{compiled}" if folder else compiled) in names) is not is_runner
    assert not [name for name in names if name.startswith("tests/")]


def test_what_a_stage_is_packaged_with_reaches_every_function_and_the_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STAGE", "dev")
    monkeypatch.setenv("OPTIO_WORKFLOW_TRIGGER_INTERVAL", "90000")
    build_template(tmp_path)
    made = json.loads((tmp_path / "sam.json").read_text())["Resources"]
    functions = [part for part in made.values() if part["Type"] == "AWS::Serverless::Function"]
    assert len(functions) == len(FUNCTIONS)
    for function in functions:
        variables = function["Properties"]["Environment"]["Variables"]
        assert variables["OPTIO_WORKFLOW_TRIGGER_INTERVAL"] == "90000"
    (event,) = made["Tick"]["Properties"]["Events"].values()
    assert event["Properties"]["Schedule"] == "rate(2 minutes)"
    assert made["RestAPI"]["Properties"]["MinimumCompressionSize"] == 1024, "pages travel packed"
    body = made["RestAPI"]["Properties"]["DefinitionBody"]
    worded = body["x-amazon-apigateway-gateway-responses"]
    assert worded["MISSING_AUTHENTICATION_TOKEN"]["statusCode"] == "404"
    kinds = {part["Type"] for part in made.values()}
    assert "AWS::ApiGateway::GatewayResponse" not in kinds, "a deployment would not know of it"
    assert "@stage@" not in json.dumps(made)
    assert "secret:optio/dev/secrets/*" in json.dumps(made)
    assert "every 2 min (rounded from 90000 ms" in tick_sentence()


def test_links_lead_to_the_stage_itself_unless_it_has_another_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The API and `notify`, to which it refers, cannot refer to it: the stack would be a circle."""
    for given, expected in (
        ("", {"Fn::Sub": "https://${RestAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api"}),
        ("https://optio.example.com", "https://optio.example.com"),
    ):
        monkeypatch.setenv("OPTIO_PUBLIC_URL", given)
        build_template(tmp_path)
        made = json.loads((tmp_path / "sam.json").read_text())["Resources"]
        variables = made["Consult"]["Properties"]["Environment"]["Variables"]
        assert variables["OPTIO_PUBLIC_URL"] == expected


def test_the_package_is_small_and_knows_the_services_it_calls_and_no_others(
    package: Path, tmp_path: Path
):
    assert (package / "deployment.zip").stat().st_size < 18 * 2**20
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "unpacked")
    described = {name.split("/")[2] for name in names if re.match(r"botocore/data/[^/]+/", name)}
    assert described == prune.services(ROOT / "chalicelib")
    assert {"dynamodb", "sqs", "logs", "s3", "secretsmanager"} <= described
    assert {"botocore/data/endpoints.json", "botocore/data/partitions.json"} <= set(names)
    program = f"import sys; sys.path.insert(0, {str(tmp_path / 'unpacked')!r}); {WHOLE}"
    environment = {**os.environ, "PYTHONPATH": ""}
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, env=environment)


def test_a_service_of_which_little_is_called_is_described_as_far_as_it_is_called(
    package: Path, tmp_path: Path
):
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        archive.extractall(tmp_path)
    data = str(tmp_path / "botocore" / "data")
    session = get_session()
    session.register_component("data_loader", Loader(extra_search_paths=[data]))
    session.get_component("data_loader").search_paths[:] = [data]
    for service, operations in prune.CALLED.items():
        small, whole = (made.create_client(service, **NOBODY) for made in (session, get_session()))
        assert small.meta.service_model.operation_names == list(operations)
        assert _methods_called(service, whole.meta.method_to_api_mapping) == set(operations)
        for name in operations:
            described = [one.meta.service_model.operation_model(name) for one in (small, whole)]
            assert _members(described[0].input_shape) == _members(described[1].input_shape)
            assert _members(described[0].output_shape) == _members(described[1].output_shape)


def _methods_called(service: str, known: Mapping[str, str]) -> set[str]:
    """Return the operations that the modules with a client of a service call."""
    texts = [file.read_text() for file in (ROOT / "chalicelib").rglob("*.py")]
    with_client = [text for text in texts if service in prune.CLIENT.findall(text)]
    assert with_client
    called = {name for text in with_client for name in re.findall(r"\.(\w+)\(", text)}
    return {known[name] for name in called & set(known)}


def _members(shape: Any, above: tuple[str, ...] = ()) -> Any:
    """Return everything that a shape holds, as far down as it does not repeat itself."""
    if shape is None or shape.name in above:
        return None
    inner = {"structure": "members", "list": "member", "map": "value"}.get(shape.type_name)
    held = getattr(shape, inner) if inner else None
    below = (*above, shape.name)
    if isinstance(held, dict):
        return {name: _members(one, below) for name, one in held.items()}
    return shape.type_name if held is None else [_members(held, below)]


def test_what_is_compiled_asks_for_no_newer_library_than_lambda_has(package: Path):
    """Lambda runs 3.11 on Amazon Linux 2 (glibc 2.26), and later ones on 2023 (2.34)."""
    there = (2, 26) if sys.version_info < (3, 12) else (2, 34)
    newest = {}
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        for name in archive.namelist():
            if ".so" in Path(name).suffixes:
                asked = re.findall(rb"GLIBC_(\d+)\.(\d+)", archive.read(name))
                newest[name] = max((int(one), int(two)) for one, two in asked)
    assert len(newest) > 5
    assert {name: version for name, version in newest.items() if version > there} == {}


def test_nothing_that_stays_asks_for_what_the_package_leaves_out(package: Path, tmp_path: Path):
    with zipfile.ZipFile(package / "raw" / "deployment.zip") as archive:
        archive.extractall(tmp_path / "fat")
    fat = tmp_path / "fat"
    left_out = {str(path.relative_to(fat)) for path in prune.unused(fat)}
    utilities = "aws_lambda_powertools/utilities"
    assert {"cffi", "pydantic/v1", "croniter/tests", f"{utilities}/parser"} < left_out
    assert not {f"{utilities}/typing", "github"} & left_out
    named = re.compile("|".join(sorted({rf"\b{Path(one).name}\b" for one in left_out})))
    for file in fat.rglob("*.py"):
        name = str(file.relative_to(fat))
        stays = not any(name.startswith(f"{one}/") for one in left_out)
        if stays and named.search(file.read_text()):
            asked = {module.replace(".", "/") for module in _loaded_with(file, fat)}
            found = {f"{name} asks for {m}" for m in asked for one in left_out if _in(m, one)}
            assert not found


def _in(module: str, folder: str) -> bool:
    return module == folder or module.startswith(f"{folder}/")


def _loaded_with(file: Path, root: Path) -> Iterator[str]:
    """Yield what a module imports as it is loaded: not what its functions do, or its types."""
    waiting: list[ast.AST] = list(ast.parse(file.read_text()).body)
    package = file.parent.relative_to(root).parts
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            whole = ".".join(part for part in (above, node.module) if part)
            yield from (whole, *(f"{whole}.{one.name}" for one in node.names))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def test_every_client_of_the_service_names_what_it_talks_to():
    for file in (ROOT / "chalicelib").rglob("*.py"):
        text = file.read_text()
        assert len(re.findall(r"\baws_session\.make_client\(", text)) == len(
            prune.CLIENT.findall(text)
        ), file
        if file.name != "aws_session.py":
            assert not re.search(r"boto3|create_client|get_session", text), file


def test_any_stage_is_packaged_as_the_one_that_is_configured_for_the_python_that_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STAGE", "prod")
    build_template(tmp_path)
    made = json.loads((tmp_path / "sam.json").read_text())["Resources"]
    functions = [part for part in made.values() if part["Type"] == "AWS::Serverless::Function"]
    wanted = {one["lambda_memory_size"] for one in FUNCTIONS.values()}
    assert {one["Properties"]["MemorySize"] for one in functions} == wanted
    for function in functions:
        properties = function["Properties"]
        assert properties["Environment"]["Variables"]["STAGE"] == "prod"
        assert properties["Runtime"] == f"python3.{sys.version_info[1]}"
    assert made["RestAPI"]["Properties"]["StageName"] == "api"

"""Scripts that a shell reads, configurations that accelerate reads, and a start that truly starts the processes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.json_lines import read_lines
from cluster_r1.core.prompt import example_prompt
from cluster_r1.core.training_runs import MetricLine, RunFolder
from cluster_r1.training.launching import Launch, Target, accelerate_config, script, script_name, training_command
from cluster_r1.training.recipe import Recipe, Stage
from cluster_r1.training.recipe_file import bundled_recipes, load_recipe, parse_recipe, render_recipe

TARGETS: tuple[Target, ...] = ("shell", "slurm", "ray")
bash = shutil.which("bash") or "bash"


def with_server() -> Recipe:
    content = load_recipe("qwen2.5-7b").model_dump(mode="json")
    content["hardware"]["gpus"] = 4
    content["grpo"]["vllm"] |= {"mode": "server", "gpus": 4}
    return parse_recipe(content, "r")


def two_cpu_nodes() -> Recipe:
    content = load_recipe("tiny-cpu").model_dump(mode="json")
    content["hardware"] |= {"nodes": 2, "spread": "ddp"}
    content["sft"]["micro_batch"] = 8
    content["grpo"]["micro_batch"] = 30
    return parse_recipe(content, "r")


def launch(recipe: Recipe, stage: Stage = "grpo", folder: Path = Path("/data/my project"), run: str = "") -> Launch:
    return Launch(recipe, stage, recipe.name, folder, run)


@pytest.mark.parametrize("name", bundled_recipes())
@pytest.mark.parametrize("stage", ["sft", "grpo"])
@pytest.mark.parametrize("target", TARGETS)
def test_every_script_is_read_by_a_shell(name: str, stage: Stage, target: Target) -> None:
    text = script(launch(load_recipe(name), stage), target)
    done = subprocess.run([bash, "-n"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert text == script(launch(load_recipe(name), stage), target)


@pytest.mark.parametrize("target", ["shell", "slurm"])
def test_two_nodes_know_their_head_and_their_rank(target: Target) -> None:
    text = script(launch(load_recipe("qwen2.5-14b")), target)
    rank = '"$SLURM_NODEID"' if target == "slurm" else '"$NODE_RANK"'
    assert f'--machine_rank {rank} --main_process_ip "$HEAD"' in text
    assert "num_machines: 2" in text
    assert "num_processes: 16" in text


def test_a_node_that_is_not_told_its_rank_stops_at_once(tmp_path: Path) -> None:
    text = script(launch(load_recipe("qwen2.5-14b"), folder=tmp_path), "shell")
    environment = {"PATH": os.environ["PATH"]}
    for given, missing in (({}, "address of node 0"), ({"HEAD": "10.0.0.1"}, "which node this is, 0 to 1")):
        done = subprocess.run(
            [bash, "-c", text], env=environment | given, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode != 0
        assert missing in done.stderr


def test_slurm_is_asked_for_the_recipes_nodes() -> None:
    text = script(launch(load_recipe("qwen2.5-14b")), "slurm")
    for line in ("#SBATCH --nodes=2", "#SBATCH --gpus-per-node=8", "#SBATCH --ntasks-per-node=1"):
        assert line in text.splitlines()


def test_a_server_has_gpus_of_its_own_and_listens_on_this_machine_alone() -> None:
    text = script(launch(with_server()), "shell")
    assert "CUDA_VISIBLE_DEVICES=4,5,6,7 VLLM_SERVER_DEV_MODE=1 vllm serve runs/qwen2.5-7b/sft/model" in text
    assert "--host 127.0.0.1 --port 8000 --tensor-parallel-size 4" in text
    assert "--max-model-len 32000" in text
    assert """--weight-transfer-config '{"backend": "nccl"}' --logprobs-mode processed_logprobs""" in text
    assert "CUDA_VISIBLE_DEVICES=0,1,2,3 accelerate launch" in text
    assert "#SBATCH --gpus-per-node=8" in script(launch(with_server()), "slurm")
    assert "vllm serve" not in script(launch(with_server(), "sft"), "shell")


def test_names_with_spaces_stay_one_word(tmp_path: Path) -> None:
    started = Launch(load_recipe("tiny-cpu"), "sft", "my recipes/a b.yaml", tmp_path, "run one")
    text = script(started, "shell")
    assert "--recipe 'my recipes/a b.yaml' --run 'run one'" in text
    assert script_name(started, "slurm") == "run one-sft.sbatch"


def test_a_run_in_a_folder_of_its_own_and_further_options() -> None:
    started = Launch(load_recipe("tiny-cpu"), "grpo", "tiny-cpu", Path("/p"), "/big disk/runs/one", ("--data", "a b"))
    text = script(started, "shell")
    assert "--config_file '/big disk/runs/one/grpo-accelerate.yaml'" in text
    assert "--run '/big disk/runs/one' --data 'a b'" in text
    assert script_name(started, "shell") == "one-grpo.sh"


@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_offload_is_for_the_stage_that_asks(stage: Stage) -> None:
    config = yaml.safe_load(accelerate_config(load_recipe("qwen2.5-7b"), stage))
    assert config["fsdp_config"]["fsdp_offload_params"] is (stage == "sft")


def test_one_process_a_cpu_node_is_not_left_to_accelerate() -> None:
    """It starts one process on a CPU however many it is asked for, and says nothing."""
    command = training_command(launch(two_cpu_nodes()), "127.0.0.1", "1")
    assert command.startswith("python -m torch.distributed.run --nnodes 2 --nproc-per-node 1 --node-rank 1")


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled_recipes())
def test_accelerate_reads_its_configuration(name: str, tmp_path: Path) -> None:
    arguments = pytest.importorskip("accelerate.commands.config.config_args")
    recipe = load_recipe(name)
    path = tmp_path / "accelerate.yaml"
    path.write_text(accelerate_config(recipe, "sft"))
    config = arguments.load_config_from_file(str(path))
    assert config.num_processes == recipe.hardware.processes
    assert config.distributed_type.value == ("FSDP" if recipe.hardware.spread == "fsdp" else "NO")


PROBE = """
import json, os, sys
from pathlib import Path
from accelerate import PartialState
state = PartialState(cpu=True)
Path(f"seen-{state.process_index}.json").write_text(json.dumps([state.num_processes, sys.argv[1:]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
def test_the_shells_script_starts_every_process(nodes: int, tmp_path: Path) -> None:
    """The script's own lines, with a probe of the same name in place of the package."""
    pytest.importorskip("accelerate")
    recipe = two_cpu_nodes() if nodes == 2 else load_recipe("tiny-cpu")
    package = tmp_path / "cluster_r1"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(PROBE)
    text = script(launch(recipe, "sft", tmp_path), "shell").replace("29500", str(free_port()))
    started = [start(text, tmp_path, rank) for rank in range(nodes)]
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    for rank in range(nodes):
        processes, words = yaml.safe_load((tmp_path / f"seen-{rank}.json").read_text())
        assert processes == nodes
        assert words == ["train", "sft", "--recipe", "tiny-cpu"]


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    write_rows(tmp_path / "rows.jsonl", 48)
    losses = []
    for recipe in (load_recipe("tiny-cpu"), two_cpu_nodes()):
        nodes = recipe.hardware.nodes
        (tmp_path / f"{nodes}.yaml").write_text(render_recipe(recipe))
        options = ("--data", "rows.jsonl", "--max-steps", "3")
        text = script(Launch(recipe, "sft", f"{nodes}.yaml", tmp_path, f"on-{nodes}", options), "shell")
        text = text.replace("29500", str(free_port()))
        for process in [start(text, tmp_path, rank) for rank in range(nodes)]:
            _, errors = process.communicate(timeout=600)
            assert process.returncode == 0, errors
        lines = list(read_lines(RunFolder(tmp_path / "runs" / f"on-{nodes}").sft.metrics, MetricLine))
        assert [line.step for line in lines] == [1, 2, 3]
        losses.append([line.values["loss"] for line in lines])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def write_rows(path: Path, count: int) -> None:
    with path.open("w") as file:
        for number in range(count):
            labels = [0, number % 2, 1 - number % 2]
            texts = [f"{('red', 'blue')[label]} hat {number}" for label in labels]
            completion = render_answer(Answer.from_labels(labels), "by colour")
            prompt = example_prompt("by colour", texts).messages()[1:]
            row = {"prompt": prompt, "labels": labels, "completion": completion}
            file.write(json.dumps(row) + "\n")


def start(text: str, folder: Path, rank: int) -> subprocess.Popen[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment: dict[str, Any] = os.environ | {"PATH": path, "HEAD": "127.0.0.1", "NODE_RANK": str(rank)}
    return subprocess.Popen(
        [bash, "-c", text], env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

"""How a stage is started on one or more nodes: accelerate's configuration and scripts for a shell, Slurm and Ray.

Each script is complete in itself: it writes accelerate's configuration into the run's folder, starts vLLM's server
where the recipe asks for one, and starts the training. Nothing here starts anything, and no script holds a key.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from .recipe import Recipe, Stage, VllmSettings

Target = Literal["shell", "slurm", "ray"]
_PORT = 29500
_SUFFIXES: dict[Target, str] = {"shell": "sh", "slurm": "sbatch", "ray": "ray.sh"}


class Launch(NamedTuple):
    """What is started. `folder`: the project, on a disk that every node sees; `recipe_name`: as `--recipe` takes it;
    `run`: the run's name or folder where it is not the recipe's; `options`: further words for `train STAGE`.
    """

    recipe: Recipe
    stage: Stage
    recipe_name: str
    folder: Path
    run: str = ""
    options: tuple[str, ...] = ()

    @property
    def run_folder(self) -> str:
        """Relative to the project; a name with a slash is a folder of its own."""
        return self.run if "/" in self.run else f"runs/{self.run or self.recipe.name}"

    @property
    def config_file(self) -> str:
        """accelerate's configuration, relative to the project."""
        return f"{self.run_folder}/{self.stage}-accelerate.yaml"

    @property
    def server(self) -> VllmSettings | None:
        vllm = self.recipe.grpo.vllm
        return vllm if self.stage == "grpo" and vllm is not None and vllm.mode == "server" else None


def script(launch: Launch, target: Target) -> str:
    """The text of a script; the shell's and Ray's are started once a node where there are several."""
    writers = {"shell": _shell, "slurm": _slurm, "ray": _ray}
    return writers[target](launch)


def script_name(launch: Launch, target: Target) -> str:
    return f"{Path(launch.run_folder).name}-{launch.stage}.{_SUFFIXES[target]}"


def accelerate_config(recipe: Recipe, stage: Stage) -> str:
    """accelerate's configuration as YAML; FSDP is its second version, as in the configurations that TRL ships."""
    hardware = recipe.hardware
    kinds = {"fsdp": "FSDP", "ddp": "MULTI_GPU", "single": "NO"}
    config: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        "debug": False,
        "distributed_type": kinds[hardware.spread] if hardware.gpus else "NO",
        "downcast_bf16": "no",
        "enable_cpu_affinity": False,
        "machine_rank": 0,
        "main_training_function": "main",
        "mixed_precision": "bf16" if recipe.model.dtype == "bfloat16" else "no",
        "num_machines": hardware.nodes,
        "num_processes": hardware.processes,
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": hardware.gpus == 0,
    }
    if hardware.spread == "fsdp":
        config["fsdp_config"] = {
            "fsdp_activation_checkpointing": False,  # the recipe's gradient_checkpointing does it
            "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "fsdp_cpu_ram_efficient_loading": True,
            "fsdp_offload_params": hardware.offloads(stage),
            "fsdp_reshard_after_forward": True,
            "fsdp_state_dict_type": "FULL_STATE_DICT",
            "fsdp_version": 2,
        }
    return yaml.safe_dump(config, sort_keys=True)


def training_command(launch: Launch, head: str, rank: str) -> str:
    """The line that starts one node's processes; `head` and `rank` stand in it as they are, as shell expressions."""
    # without the two dashes both launchers look for options of their own in what follows, and take --run for one
    module = ["-m", "--", "cluster_r1", "train", launch.stage, "--recipe", launch.recipe_name]
    module += [*(["--run", launch.run] if launch.run else []), *launch.options]
    hardware = launch.recipe.hardware
    if hardware.gpus == 0 and hardware.nodes > 1:  # accelerate would start one process alone, without a word
        start = ["python", "-m", "torch.distributed.run", "--nnodes", str(hardware.nodes), "--nproc-per-node", "1"]
        where = f"--node-rank {rank} --master-addr {head} --master-port {_PORT}"
    elif hardware.nodes > 1:
        start = ["accelerate", "launch", "--config_file", launch.config_file]
        where = f"--machine_rank {rank} --main_process_ip {head} --main_process_port {_PORT}"
    else:
        start, where = ["accelerate", "launch", "--config_file", launch.config_file], ""
    return " ".join(part for part in (shlex.join(start), where, shlex.join(module)) if part)


def server_command(launch: Launch, vllm: VllmSettings) -> str:
    """vLLM's own server as TRL's trainers expect it, with its dev mode, which takes new weights."""
    recipe = launch.recipe
    own = recipe.grpo.start == "sft"
    model = f"{launch.run_folder}/sft/model" if own else recipe.model.name or f"{launch.run_folder}/base"
    words = [
        *("vllm", "serve", model),
        *("--host", vllm.server_host, "--port", str(vllm.server_port)),
        *("--tensor-parallel-size", str(vllm.tensor_parallel)),
        *("--gpu-memory-utilization", f"{vllm.memory:g}", "--dtype", recipe.model.dtype),
        *("--max-model-len", str(recipe.grpo.max_prompt_tokens + recipe.grpo.max_completion_tokens)),
        *("--weight-transfer-config", json.dumps({"backend": "nccl"})),
        *("--logprobs-mode", "processed_logprobs", "--max-logprobs", "-1"),
        *(["--trust-remote-code"] if recipe.model.trust_remote_code else []),
    ]
    return shlex.join(words)


def _shell(launch: Launch) -> str:
    nodes = launch.recipe.hardware.nodes
    if nodes == 1:
        begin, head, rank = [], "", ""
    else:
        begin = [
            f"# Start it on each node with its NODE_RANK, 0 to {nodes - 1}; HEAD is node 0's address.",
            'HEAD="${HEAD:?the address of node 0}"',
            f'NODE_RANK="${{NODE_RANK:?which node this is, 0 to {nodes - 1}}}"',
        ]
        head, rank = '"$HEAD"', '"$NODE_RANK"'
    server = _server(launch, here='[ "$NODE_RANK" = 0 ]' if nodes > 1 else "")
    return _lines(["#!/usr/bin/env bash", *_head(launch), *begin, *_config(launch), *server, _run(launch, head, rank)])


def _slurm(launch: Launch) -> str:
    hardware, gpus = launch.recipe.hardware, _gpus_of_a_node(launch)
    asked = [
        f"#SBATCH --job-name={launch.recipe.name}-{launch.stage}",
        f"#SBATCH --nodes={hardware.nodes}",
        "#SBATCH --ntasks-per-node=1",
        *([f"#SBATCH --gpus-per-node={gpus}"] if gpus else []),
        "#SBATCH --exclusive",
    ]
    one = _run(launch, '"$HEAD"', '"$SLURM_NODEID"')
    return _lines(
        [
            "#!/usr/bin/env bash",
            *asked,
            *_head(launch),
            'export HEAD="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"',
            *_config(launch),
            "# This script runs on the first node, and so does the server; the trainer's first process is there too.",
            *_server(launch),
            f"srun --overlap --cpu-bind=none --kill-on-bad-exit=1 bash -c {shlex.quote(one)}",
        ]
    )


def _ray(launch: Launch) -> str:
    """Ray starts the shell's script on its nodes; it must lie beside this one."""
    hardware, beside = launch.recipe.hardware, script_name(launch, "shell")
    gpus = f"--entrypoint-num-gpus {_gpus_of_a_node(launch)} " if _gpus_of_a_node(launch) else ""
    begin = [
        "#!/usr/bin/env bash",
        f"# Starts {beside}, which `--to shell` writes and which must lie beside it, on a disk that every node sees.",
        "set -euo pipefail",
        'HERE="$(cd "$(dirname "$0")" && pwd)"',
        'export RAY_ADDRESS="${RAY_ADDRESS:-http://127.0.0.1:8265}"',
    ]
    if hardware.nodes == 1:
        return _lines([*begin, f'ray job submit {gpus}-- bash "$HERE/{beside}"'])
    return _lines(
        [
            *begin,
            f"# NODES: the addresses of {hardware.nodes} nodes as `ray status` names them, the first one is the head.",
            'read -ra NODES <<< "${NODES:?addresses of the nodes, with spaces between them}"',
            f'[ "${{#NODES[@]}}" = {hardware.nodes} ] ||',
            f'  {{ echo "NODES must name {hardware.nodes} nodes" >&2; exit 2; }}',
            'for RANK in "${!NODES[@]}"; do',
            f"  ray job submit --no-wait {gpus}\\",
            '    --entrypoint-resources "{\\"node:${NODES[$RANK]}\\": 0.001}" \\',
            f'    -- env HEAD="${{NODES[0]}}" NODE_RANK="$RANK" bash "$HERE/{beside}"',
            "done",
        ]
    )


def _head(launch: Launch) -> list[str]:
    threads = launch.recipe.hardware.threads
    return [
        f"# {launch.stage} of recipe {launch.recipe.name}; written by `cluster-r1 train launch`.",
        "set -euo pipefail",
        f"cd {shlex.quote(str(launch.folder))}",
        *([f"export OMP_NUM_THREADS={threads}"] if threads else []),
    ]


def _config(launch: Launch) -> list[str]:
    """Written beside and renamed: nodes that share the folder do so at the same time."""
    file = shlex.quote(launch.config_file)
    own = f'{file}."$(hostname)".$$'
    return [
        f"mkdir -p {shlex.quote(launch.run_folder)}",
        f"cat > {own} <<'YAML'",
        accelerate_config(launch.recipe, launch.stage).rstrip(),
        "YAML",
        f"mv {own} {file}",
    ]


def _server(launch: Launch, here: str = "") -> list[str]:
    """The server on the GPUs after the trainer's, until the script ends; `here`: a test for its node."""
    vllm = launch.server
    if vllm is None:
        return []
    first = launch.recipe.hardware.gpus
    own = ",".join(str(gpu) for gpu in range(first, first + vllm.gpus))
    lines = [
        f"CUDA_VISIBLE_DEVICES={own} VLLM_SERVER_DEV_MODE=1 {server_command(launch, vllm)} &",
        "SERVER=$!",
        "trap 'kill $SERVER' EXIT",
        f"until curl --silent --fail http://{vllm.server_host}:{vllm.server_port}/health; do",
        "  kill -0 $SERVER || { echo 'vLLM stopped; its messages are above' >&2; exit 1; }",
        "  sleep 5",
        "done",
    ]
    return [f"if {here}; then", *lines, "fi"] if here else lines


def _run(launch: Launch, head: str, rank: str) -> str:
    """Where a server has GPUs of its own, the trainer sees those before them alone."""
    command = training_command(launch, head, rank)
    if launch.server is None:
        return command
    return f"CUDA_VISIBLE_DEVICES={','.join(map(str, range(launch.recipe.hardware.gpus)))} {command}"


def _gpus_of_a_node(launch: Launch) -> int:
    return launch.recipe.hardware.gpus + (launch.server.gpus if launch.server else 0)


def _lines(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"

"""Who watches: nobody, `DiagWriter`, and what people use otherwise, each logging as much as it can by layer."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from tb_lossdiag import DiagWriter

Make = Callable[[nn.Module, torch.optim.Optimizer, nn.Module, str], "Watcher"]


class Watcher:
    """Nobody: what watchers have in common."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, loss_fn: nn.Module, logdir: str) -> None:
        self.model, self.optimizer, self.loss_fn, self.logdir = model, optimizer, loss_fn, logdir

    def before(self, step: int) -> None:
        """A step begins."""

    def after(self, step: int, loss: Tensor) -> None:
        """A step has ended."""

    def close(self) -> None:
        """Nothing is left to be written."""


class Ours(Watcher):
    """`DiagWriter` at its defaults."""

    def __init__(self, *training: Any) -> None:
        super().__init__(*training)
        self.writer = DiagWriter(self.logdir)
        self.writer.watch(self.model, self.optimizer, self.loss_fn)
        self.watch = self.writer.watches[""]

    def close(self) -> None:
        self.writer.close()


class Always(Ours):
    """Every step is sampled; batches are not looked at twice."""

    def __init__(self, *training: Any) -> None:
        super().__init__(*training)
        schedule: Any = self.watch._schedule
        schedule.sampled = schedule.paired = lambda _: True
        schedule.probed = lambda _: False


class Never(Ours):
    """No step is sampled: what is left is the loss of each step."""

    def __init__(self, *training: Any) -> None:
        super().__init__(*training)
        schedule: Any = self.watch._schedule
        schedule.sampled = schedule.paired = schedule.probed = lambda _: False
        schedule.cost = lambda *_: setattr(schedule, "next", math.inf)  # as between two looks, which lie in the future


class Empty(Watcher):
    """Hooks that do nothing, where ours are: at the loss function, and before and after the optimizer's step."""

    def __init__(self, *training: Any) -> None:
        super().__init__(*training)
        self.loss_fn.register_forward_hook(lambda *_: None, with_kwargs=True)
        self.optimizer.register_step_pre_hook(lambda *_: None)
        self.optimizer.register_step_post_hook(lambda *_: None)


class Scalars(Watcher):
    """Hooks that take the same figures in the obvious way, and log each as a scalar with torch's SummaryWriter."""

    every = 1

    def __init__(self, *training: Any) -> None:
        super().__init__(*training)
        self.writer = SummaryWriter(self.logdir)
        self.step, self.before_step = 0, {}
        for name, module in self.model.named_modules():
            if not list(module.children()):
                module.register_forward_hook(lambda _m, _i, output, name=name: self.activation(name, output))
        self.optimizer.register_step_pre_hook(self.measure)

    @property
    def looks(self) -> bool:
        return self.step % self.every == 0

    def before(self, step: int) -> None:
        self.step = step

    def log(self, tag: str, value: Tensor) -> None:
        self.writer.add_scalar(tag, value.item(), self.step)

    def activation(self, name: str, output: Tensor) -> None:
        if self.looks:
            values = output.detach()
            self.log(f"mean/{name}", values.mean())
            self.log(f"rms/{name}", values.square().mean().sqrt())
            self.log(f"zero/{name}", (values == 0).float().mean())
            self.log(f"nonfinite/{name}", 1 - values.isfinite().float().mean())
            self.log(f"std/{name}", values.std(0).mean())
            self.log(f"dead/{name}", (values.abs().amax(0) < 1e-5).float().mean())

    def measure(self, *_: Any) -> None:
        if self.looks:
            for name, each in self.model.named_parameters():
                self.log(f"gradient/{name}", each.grad.norm())
                self.log(f"parameter/{name}", each.detach().norm())
                self.before_step[name] = each.detach().clone()

    def after(self, step: int, loss: Tensor) -> None:
        self.log("loss", loss.detach())
        if self.looks:
            for name, each in self.model.named_parameters():
                self.log(f"update/{name}", (each.detach() - self.before_step[name]).norm())

    def close(self) -> None:
        self.writer.close()


class ScalarsSometimes(Scalars):
    """The same, on every tenth step."""

    every = 10


class WandB(Watcher):
    """`wandb.watch(log="all")`, offline: histograms of gradients and parameters."""

    every = 1

    def __init__(self, *training: Any) -> None:
        super().__init__(*training)
        import wandb

        os.environ["WANDB_SILENT"] = "true"
        self.run = wandb.init(mode="offline", dir=self.logdir, project="overhead", reinit="create_new")
        self.run.watch(self.model, log="all", log_freq=self.every)
        self.module = wandb

    def before(self, step: int) -> None:
        self.module.run = self.run  # its hooks know only the run that was begun last

    def after(self, step: int, loss: Tensor) -> None:
        self.run.log({"loss": loss.item()})

    def close(self) -> None:
        self.run.finish()


class WandBSometimes(WandB):
    """The same, on every tenth step."""

    every = 10


class ModuleMonitor(Watcher):
    """torch-module-monitor: norms of activations, gradients and parameters."""

    def __init__(self, *training: Any) -> None:
        super().__init__(*training)
        from torch_module_monitor import ModuleMonitor as Monitor

        self.monitor = Monitor(monitor_step_fn=lambda _: True)
        self.monitor.set_module(self.model)
        self.monitor.add_activation_metric("norm", lambda each: each.norm())
        self.monitor.add_gradient_metric("norm", lambda each: each.norm())
        self.monitor.add_parameter_metric("norm", lambda each: each.norm())
        self.writer = SummaryWriter(self.logdir)
        self.optimizer.register_step_pre_hook(self.measure)

    def before(self, step: int) -> None:
        self.monitor.begin_step(step)

    def measure(self, *_: Any) -> None:
        self.monitor.monitor_parameters()
        self.monitor.monitor_gradients()

    def after(self, step: int, loss: Tensor) -> None:
        self.monitor.end_step()
        for name, value in self.monitor.get_step_metrics().items():
            self.writer.add_scalar(name, float(value), step)

    def close(self) -> None:
        self.writer.close()


OURS: dict[str, Make] = {"at its defaults": Ours, "every step sampled": Always}
OTHERS: dict[str, tuple[str, Make]] = {
    "SummaryWriter, the same figures as scalars, every step": ("torch", Scalars),
    "SummaryWriter, the same figures as scalars, every 10 steps": ("torch", ScalarsSometimes),
    "wandb.watch offline, every step": ("wandb", WandB),
    "wandb.watch offline, every 10 steps": ("wandb", WandBSometimes),
    "torch-module-monitor, every step": ("torch_module_monitor", ModuleMonitor),
}


def others() -> tuple[dict[str, Make], list[str]]:
    """Those that are installed, and a sentence for each that is not."""
    found = {name: make for name, (package, make) in OTHERS.items() if importlib.util.find_spec(package)}
    missing = sorted({package for package, _ in OTHERS.values() if not importlib.util.find_spec(package)})
    return found, [f"{each} is not installed: it is left out." for each in missing]

"""Healthy trainings that look sick: what the tool must stay silent on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor, nn

from benchmarks.faults.recipe import BASES, Outcome, Recipe, base_recipe, changed, train, with_options
from benchmarks.faults.tasks import Split
from tb_lossdiag import DiagWriter

__all__ = ["HEALTHY", "Healthy"]

Change = Callable[[Recipe], Recipe]


@dataclass(frozen=True, slots=True)
class Healthy:
    """A temptation: a training of its own, or a sound recipe with something unusual that is right."""

    name: str
    base: str
    train: Callable[[str, int], Outcome]


def warm_up(optimizer: torch.optim.Optimizer, steps: int) -> object:
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=steps // 4)
    rest = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps - steps // 4, 1e-4)
    return torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, rest], [steps // 4])


def step_decay(optimizer: torch.optim.Optimizer, steps: int) -> object:
    return torch.optim.lr_scheduler.MultiStepLR(optimizer, [steps // 2, 3 * steps // 4], 0.1)


def one_cycle(optimizer: torch.optim.Optimizer, steps: int) -> object:
    rate = optimizer.param_groups[0]["lr"]
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, 2 * rate, total_steps=steps + 1)


def restarts(optimizer: torch.optim.Optimizer, steps: int) -> object:
    return torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, max(1, steps // 3), eta_min=1e-5)


def learnt_before(recipe: Recipe, steps: int) -> Callable[[nn.Module], None]:
    """Train the model quietly first: what a user loads from a checkpoint."""

    def edit(model: nn.Module) -> None:
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        loss_fn, split = recipe.loss(), recipe.data["train"]
        for _ in range(steps):
            chosen = torch.randint(len(split), (64,))
            output, y = model(split.x[chosen]), split.y[chosen]
            if recipe.task.kind == "language":
                output, y = output.flatten(0, 1), y.flatten()
            optimizer.zero_grad()
            loss_fn(output, y).backward()
            optimizer.step()

    return edit


def fine_tuned(recipe: Recipe) -> Recipe:
    return changed(recipe, edit=learnt_before(recipe, 200), lr=recipe.lr / 10)


def head_only(recipe: Recipe) -> Recipe:
    """A body that was learnt before and is kept as it is; a fresh head."""
    learn = learnt_before(recipe, 200)

    def edit(model: nn.Module) -> None:
        learn(model)
        last = [each for each in model.modules() if isinstance(each, nn.Linear)][-1]
        last.reset_parameters()
        for each in model.parameters():
            each.requires_grad_(any(each is own for own in last.parameters()))

    return changed(recipe, edit=edit)


def plain_sgd(recipe: Recipe) -> Recipe:
    return changed(recipe, optimizer=torch.optim.SGD, optimizer_options={}, lr=0.1)


def early(recipe: Recipe) -> Recipe:
    """Just begun: a sixth of the way, at the full rate, still falling."""
    steps = recipe.steps // 6
    return changed(recipe, steps=steps, schedule=None, eval_every=max(2, steps // 8))


def early_as_usual(recipe: Recipe) -> Recipe:
    """Adam's usual rate, smaller than the one a sweep found best, a third of the way: still falling."""
    steps = recipe.steps // 3
    return changed(
        recipe,
        optimizer=torch.optim.Adam,
        optimizer_options={},
        lr=1e-3,
        steps=steps,
        schedule=None,
        eval_every=max(2, steps // 8),
    )


def early_by_momentum(recipe: Recipe) -> Recipe:
    """The same with SGD at 0.01 and a momentum of 0.9."""
    return changed(early_as_usual(recipe), optimizer=torch.optim.SGD, optimizer_options={"momentum": 0.9}, lr=0.01)


def tiny(recipe: Recipe) -> Recipe:
    """A hundred samples, trained gently and not for long."""
    train = recipe.data["train"][:100]
    steps = recipe.steps // 4
    return changed(
        recipe, data={**recipe.data, "train": train}, steps=steps, eval_every=max(2, steps // 12), lr=recipe.lr / 2
    )


def jittered(recipe: Recipe) -> Recipe:
    return changed(recipe, augment=lambda x: x + 0.3 * torch.randn_like(x))


def to_unit(recipe: Recipe) -> Recipe:
    """Pixels between 0 and 1, put out by a sigmoid."""
    raw = recipe.task.raw
    top = raw["train"].x.max()
    data = {name: Split(each.x / top, (each.x / top).flatten(1)) for name, each in raw.items()}
    return with_options(changed(recipe, data=data, judge=data, loss=nn.BCELoss), head=(nn.Sigmoid,))


def weighted(recipe: Recipe) -> Recipe:
    counts = torch.bincount(recipe.data["train"].y).float()
    return changed(recipe, loss=partial(nn.CrossEntropyLoss, weight=counts.sum() / counts / len(counts)))


def few_of_some(recipe: Recipe) -> Recipe:
    """Half of the classes are four times rarer, and learnt all the same."""
    generator = torch.Generator().manual_seed(5)

    def thin(split: Split) -> Split:
        return split[(split.y < 5) | (torch.rand(len(split), generator=generator) < 0.25)]  # noqa: PLR2004

    return changed(recipe, data={name: thin(each) for name, each in recipe.data.items()})


def normal_tanh(recipe: Recipe) -> Recipe:
    def edit(model: nn.Module) -> None:
        for each in model.modules():
            if isinstance(each, nn.Linear):
                nn.init.xavier_normal_(each.weight)

    return changed(with_options(recipe, activation=nn.Tanh), edit=edit)


def he(recipe: Recipe) -> Recipe:
    def edit(model: nn.Module) -> None:
        layers = [each for each in model.modules() if isinstance(each, (nn.Linear, nn.Conv2d))]
        for each in layers[:-1]:
            nn.init.kaiming_normal_(each.weight, nonlinearity="relu")

    return changed(recipe, edit=edit)


def few_at_a_time(recipe: Recipe) -> Recipe:
    """A batch of four, with steps as small, and three times as many of them."""
    return _longer(changed(recipe, lr=recipe.lr / 6, batch=4), 3)


def small_steps(recipe: Recipe) -> Recipe:
    """An eighth of the learning rate, for six times as long."""
    return _longer(changed(recipe, lr=recipe.lr / 8), 6)


def full_batch(recipe: Recipe) -> Recipe:
    """A table that fits into one batch, and as many steps as small batches take."""
    return changed(recipe, batch=len(recipe.data["train"]))


def margins(recipe: Recipe) -> Recipe:
    """Images with much blank space around what they show."""
    low = recipe.data["train"].x.min()

    def framed(x: Tensor) -> Tensor:
        blank = torch.full_like(x, float(low))
        blank[..., 3:-3, 3:-3] = x[..., 3:-3, 3:-3]
        return blank

    return changed(recipe, prepare=framed)


def gentle_momentum(recipe: Recipe) -> Recipe:
    return changed(recipe, optimizer_options={"momentum": 0.98}, lr=recipe.lr / 5)


def _longer(recipe: Recipe, times: int) -> Recipe:
    return changed(recipe, steps=times * recipe.steps, eval_every=times * recipe.eval_every)


def _fields(**fields: object) -> Change:
    return lambda recipe: changed(recipe, **fields)


def _rate(factor: float, **fields: object) -> Change:
    return lambda recipe: changed(recipe, lr=recipe.lr * factor, **fields)


def _options(**fields: object) -> Change:
    return lambda recipe: with_options(recipe, **fields)


CLASSIFIERS = (
    "mlp/digits",
    "mlp/mnist",
    "cnn/digits",
    "cnn/mnist",
    "resnet/mnist",
    "recurrent/digits",
    "transformer/digits",
)
MANY = (
    "mlp/digits",
    "cnn/digits",
    "cnn/mnist",
    "deep-mlp/digits",
    "resnet/digits",
    "transformer/digits",
    "mlp/mpg",
    "autoencoder/mnist-again",
)
DENSE = ("mlp/digits", "mlp/mnist", "mlp/mpg", "deep-mlp/digits", "deep-mlp/mpg")
CHANGES: tuple[tuple[str, Change, tuple[str, ...]], ...] = (
    ("warm-up", _fields(schedule=warm_up), MANY),
    ("step decay", _fields(schedule=step_decay), MANY),
    ("one cycle", _fields(schedule=one_cycle), MANY),
    ("warm restarts", _fields(schedule=restarts), MANY[:4]),
    ("constant, half the rate", _rate(0.5, schedule=None), MANY),
    ("fine-tuning", fine_tuned, MANY),
    ("a frozen body, a fresh head", head_only, CLASSIFIERS[:5]),
    ("twice the rate", _rate(2.0), MANY),
    ("heavy dropout", _options(dropout=0.5), (*CLASSIFIERS[:5], "deep-mlp/digits")),
    ("accumulated over 4", _fields(accumulate=4), MANY[:6]),
    ("clipped at 0.5", _fields(clip=0.5), MANY[:6]),
    ("early", early, MANY),
    ("early, Adam at 1e-3", early_as_usual, MANY),
    ("early, SGD at 0.01", early_by_momentum, ("mlp/digits", "cnn/digits", "cnn/mnist", "mlp/mnist", "resnet/digits")),
    ("a hundred samples", tiny, ("mlp/digits", "mlp/cancer", "mlp/mpg", "cnn/digits")),
    ("AdamW", _rate(1.0, optimizer=torch.optim.AdamW, optimizer_options={"weight_decay": 0.01}), ("mlp/digits", "cnn/mnist", "transformer/digits", "transformer/text")),
    ("weight decay 5e-4", lambda recipe: changed(recipe, optimizer_options={**recipe.optimizer_options, "weight_decay": 5e-4}), ("cnn/digits", "resnet/mnist", "deep-mlp/mnist", "mlp/cancer")),
    ("label smoothing", _fields(loss=partial(nn.CrossEntropyLoss, label_smoothing=0.1)), CLASSIFIERS),
    ("augmented", jittered, CLASSIFIERS),
    ("batch of 8", _rate(0.5, batch=8), MANY[:6]),
    ("batch of 128", _rate(1.5, batch=128), ("mlp/digits", "mlp/mnist", "cnn/mnist", "recurrent/mnist", "autoencoder/mnist-again")),
    ("plain SGD", plain_sgd, ("mlp/digits", "mlp/mnist", "mlp/cancer", "cnn/digits", "resnet/digits")),
    ("RMSprop", lambda recipe: changed(recipe, optimizer=torch.optim.RMSprop, optimizer_options={}, lr=1e-3), ("mlp/digits", "cnn/mnist", "recurrent/digits")),
    ("tanh", normal_tanh, DENSE),
    ("GELU", _options(activation=nn.GELU), (*DENSE, "cnn/digits")),
    ("LeakyReLU", _options(activation=partial(nn.LeakyReLU, 0.1)), DENSE),
    ("He initialisation", he, (*DENSE, "cnn/mnist")),
    ("four times as wide", lambda recipe: changed(with_options(recipe, width=4 * recipe.options.width), lr=recipe.lr / 2), DENSE[:4]),
    ("an LSTM", _options(recurrent="LSTM"), ("recurrent/digits", "recurrent/mnist")),
    ("hardly evaluated", lambda recipe: changed(recipe, eval_every=recipe.steps // 3), MANY[:4]),
    ("no loader given", _fields(loader=False), MANY[:4]),
    ("L1 loss", _fields(loss=nn.SmoothL1Loss), ("mlp/mpg", "deep-mlp/mpg", "mlp/diabetes")),
    ("the floor of the noise", _rate(0.5, steps=250), ("mlp/diabetes",)),
    ("a sigmoid for pixels", to_unit, ("autoencoder/digits-again", "autoencoder/mnist-again")),
    ("a weighted loss", weighted, ("mlp/rare",)),
    ("batch of 4", few_at_a_time, ("mlp/digits", "cnn/digits", "cnn/mnist", "mlp/mpg")),
    ("small steps, many of them", small_steps, ("mlp/digits", "cnn/digits", "cnn/mnist", "mlp/mpg", "resnet/digits")),
    ("one batch holds all", full_batch, ("mlp/cancer", "mlp/rare", "mlp/mpg")),
    ("wide margins", margins, ("mlp/mnist", "cnn/mnist", "resnet/mnist")),
    ("momentum of 0.98, a fifth of the rate", gentle_momentum, ("mlp/cancer", "cnn/digits", "deep-mlp/mnist")),
    ("rarer classes", few_of_some, ("mlp/digits", "cnn/mnist", "mlp/mnist")),
)  # fmt: skip


def _changed_base(change: Change, base: str) -> Callable[[str, int], Outcome]:
    return lambda logdir, seed: train(change(base_recipe(BASES[base])), logdir, seed)


def grokking(logdir: str, seed: int, *, steps: int = 1500) -> Outcome:
    """Modular addition: a long plateau of the validation loss, then a drop. Enough pairs are given for it to happen early."""
    torch.manual_seed(seed)
    prime = 31
    pairs = torch.cartesian_prod(torch.arange(prime), torch.arange(prime))
    pairs = pairs[torch.randperm(len(pairs))]
    answers = pairs.sum(1) % prime
    cut = int(0.8 * len(pairs))
    model = nn.Sequential(nn.Embedding(prime, 48), nn.Flatten(), nn.Linear(96, 256), nn.ReLU(), nn.Linear(256, prime))
    optimizer, loss_fn = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=1.0), nn.CrossEntropyLoss()
    with DiagWriter(logdir) as writer:
        writer.watch(model, optimizer, loss_fn)
        for step in range(steps):
            chosen = torch.randint(cut, (256,))
            optimizer.zero_grad()
            loss_fn(model(pairs[chosen]), answers[chosen]).backward()
            optimizer.step()
            if step % 50 == 0:
                with writer.evaluating("val"):
                    loss_fn(model(pairs[cut:]), answers[cut:])
    return Outcome({}, {})


def gan(logdir: str, seed: int) -> Outcome:
    """A generator and a critic of digits; neither loss goes down, and that is right."""
    torch.manual_seed(seed)
    images = base_recipe(BASES["mlp/digits"]).data["train"].x.flatten(1)
    maker = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64))
    critic = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    for_maker = torch.optim.Adam(maker.parameters(), 1e-3, betas=(0.5, 0.999))
    for_critic = torch.optim.Adam(critic.parameters(), 1e-3, betas=(0.5, 0.999))
    maker_loss, critic_loss = nn.BCEWithLogitsLoss(), nn.BCEWithLogitsLoss()
    with DiagWriter(logdir) as writer:
        writer.watch(maker, for_maker, maker_loss, name="generator")
        writer.watch(critic, for_critic, critic_loss, name="critic")
        for _ in range(400):
            real = images[torch.randint(len(images), (64,))]
            fake = maker(torch.randn(64, 16))
            for_critic.zero_grad()
            answers = torch.cat([critic(real), critic(fake.detach())])
            critic_loss(answers, torch.cat([torch.ones(64, 1), torch.zeros(64, 1)])).backward()
            for_critic.step()
            for_maker.zero_grad()
            maker_loss(critic(fake), torch.ones(64, 1)).backward()
            for_maker.step()
    return Outcome({}, {})


def policy(logdir: str, seed: int) -> Outcome:
    """A policy gradient on classification as a bandit: its loss is noise around zero while the reward rises."""
    torch.manual_seed(seed)
    split = base_recipe(BASES["mlp/digits"]).data["train"]
    x = split.x.flatten(1)
    model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))
    optimizer, average = torch.optim.Adam(model.parameters(), 3e-3), 0.1
    with DiagWriter(logdir) as writer:
        writer.watch(model, optimizer)
        for _ in range(800):
            chosen = torch.randint(len(x), (128,))
            spread = torch.distributions.Categorical(logits=model(x[chosen]))
            action = spread.sample()
            reward = (action == split.y[chosen]).float()
            loss = -((reward - average) * spread.log_prob(action)).mean()
            average = 0.95 * average + 0.05 * float(reward.mean())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            writer.add_loss("train", loss)
            writer.add_scalar("reward", average)
    return Outcome({}, {})


def sparse(logdir: str, seed: int) -> Outcome:
    """A bag of character triples, most of which a batch never touches: most gradients are zero, and that is right."""
    torch.manual_seed(seed)
    text = base_recipe(BASES["recurrent/text"]).data
    size = 20000

    def of(split: Split) -> tuple[Tensor, Tensor]:
        x = split.x
        bag = (x[:, :-2] * 4096 + x[:, 1:-1] * 64 + x[:, 2:]) % size
        return bag, (x == 0).sum(1).ge(5).long()  # lines with many blanks

    train_x, train_y = of(text["train"])
    val_x, val_y = of(text["val"])
    model = nn.Sequential(nn.EmbeddingBag(size, 16, sparse=True), nn.Linear(16, 2))
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), 1.0), nn.CrossEntropyLoss()
    with DiagWriter(logdir) as writer:
        writer.watch(model, optimizer, loss_fn)
        for step in range(600):
            chosen = torch.randint(len(train_x), (64,))
            optimizer.zero_grad()
            loss_fn(model(train_x[chosen]), train_y[chosen]).backward()
            optimizer.step()
            if step % 40 == 0:
                with writer.evaluating("val"):
                    loss_fn(model(val_x), val_y)
    return Outcome({}, {})


def binary(logdir: str, seed: int) -> Outcome:
    """Two classes from one logit."""
    torch.manual_seed(seed)
    data = base_recipe(BASES["mlp/cancer"]).data
    model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))
    optimizer, loss_fn = torch.optim.Adam(model.parameters(), 3e-3, weight_decay=1e-3), nn.BCEWithLogitsLoss()
    with DiagWriter(logdir) as writer:
        writer.watch(model, optimizer, loss_fn)
        for step in range(200):
            chosen = torch.randint(len(data["train"]), (32,))
            optimizer.zero_grad()
            loss_fn(model(data["train"].x[chosen])[:, 0], data["train"].y[chosen].float()).backward()
            optimizer.step()
            if step % 15 == 0:
                with writer.evaluating("val"):
                    loss_fn(model(data["val"].x)[:, 0], data["val"].y.float())
    return Outcome({}, {})


def variational(logdir: str, seed: int) -> Outcome:
    """A variational autoencoder, whose loss is made by hand from two parts and summed over pixels."""
    torch.manual_seed(seed)
    data = base_recipe(BASES["autoencoder/digits-again"]).data

    class Vae(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.code = nn.Linear(64, 64), nn.Linear(64, 16)
            self.back, self.out = nn.Linear(8, 64), nn.Linear(64, 64)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            mean, spread = self.code(F.relu(self.up(x))).chunk(2, -1)
            z = mean + torch.randn_like(mean) * (spread / 2).exp()
            return self.out(F.relu(self.back(z))), mean, spread

    def loss_fn(output: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
        again, mean, spread = output
        prior = -0.5 * (1 + spread - mean**2 - spread.exp()).sum(-1)
        return (F.mse_loss(again, x, reduction="none").sum(-1) + 0.2 * prior).mean()

    model = Vae()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    with DiagWriter(logdir) as writer:
        writer.watch(model, optimizer, loss_fn)
        for step in range(400):
            x = data["train"].x.flatten(1)[torch.randint(len(data["train"]), (64,))]
            optimizer.zero_grad()
            writer.loss_fn(model(x), x).backward()
            optimizer.step()
            if step % 25 == 0:
                with writer.evaluating("val"):
                    x = data["val"].x.flatten(1)
                    writer.loss_fn(model(x), x)
    return Outcome({}, {})


OWN = {
    "grokking": partial(grokking, steps=2500), "GAN": gan, "policy gradient": policy, "sparse embeddings": sparse,
    "one logit": binary, "variational autoencoder": variational,
}  # fmt: skip
HEALTHY: tuple[Healthy, ...] = (
    *(Healthy(name, base, _changed_base(change, base)) for name, change, bases in CHANGES for base in bases),
    *(Healthy(name, "own", make) for name, make in OWN.items()),
)
"""Every temptation."""

"""Checks before the first step that a network can be trained on its data, as asked."""

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from striate.data.loader import Loader
from striate.errors import UsageError
from striate.learning.progressive import sides
from striate.nets.blueprint import Blueprint
from striate.nets.catalog.catalog import CATALOG
from striate.nets.own_code import is_kept
from striate.preparing.prepared import Prepared
from striate.runs.folder.recipe import Recipe
from striate.training.ranks.ranks import Ranks
from striate.training.step import fewest_at_once


def refuse_unfit(model: nn.Module, blueprint: Blueprint, recipe: Recipe, loader: Loader) -> None:
    """Raise UsageError where a network, just made, cannot be trained as the recipe says on the batches of a loader."""
    _refuse_other_outputs(model, blueprint)
    _refuse_too_small_batches(model, recipe, loader)
    _refuse_fixed_side(model, recipe)


def _refuse_other_outputs(model: nn.Module, blueprint: Blueprint) -> None:
    """Raise UsageError where a network of the user's own cannot be trained, stored or asked.

    It must have weights that learn, all of them made in its __init__, and outputs of the shape its blueprint says.
    """
    if not is_kept(blueprint.net):
        return
    weights = dict(model.named_parameters())
    if not any(weight.requires_grad for weight in weights.values()):
        raise UsageError(f"{blueprint.net} has no weights to learn.")
    if lazy := [name for name, weight in weights.items() if is_lazy(weight)]:
        raise UsageError(
            f"{blueprint.net} has weights of no size yet, such as {lazy[0]}. "
            "Give its layers their sizes, as in Linear for LazyLinear."
        )
    with torch.no_grad():
        answer = model.eval()(torch.zeros(2, *blueprint.input))
    if new := [name for name, _ in model.named_parameters() if name not in weights]:
        raise UsageError(
            f"{blueprint.net} makes weights while it answers, such as {new[0]}, and they could not be loaded again. "
            "Make them in __init__."
        )
    told = (
        f"a tensor of {tuple(answer.shape)}" if isinstance(answer, Tensor) else f"a {type(answer).__name__}"
    )
    if told != f"a tensor of {(wanted := blueprint.outputs(2))}":
        raise UsageError(
            f"{blueprint.net} answers two pictures with {told}; wanted is one of {wanted}, {blueprint.wanted}. "
            "A class or function that asks for num_classes is told them."
        )


def _refuse_too_small_batches(model: nn.Module, recipe: Recipe, loader: Loader) -> None:
    """Raise UsageError where the smallest batch of an epoch is too small for the network, as 1 is for batch norms."""
    smallest = min(2, len(loader.store) - (loader.steps - 1) * loader.batch)
    shape = recipe.preprocess.input
    try:
        with torch.no_grad():
            model.train()(torch.zeros(smallest, *shape))
    except (ValueError, RuntimeError) as error:
        raise UsageError(
            f"{recipe.net} cannot be trained on a batch of {smallest} at {'x'.join(map(str, shape))}, the smallest of "
            f"an epoch: {error}. Give another --batch than {loader.batch}."
        ) from error


def _refuse_fixed_side(model: nn.Module, recipe: Recipe) -> None:
    """Raise UsageError where the network does not take a side that the pictures pass as they grow (`progressive`)."""
    full = min(recipe.preprocess.size)
    for side in sides(full, recipe.train.progressive):
        try:
            with torch.no_grad():
                model.train()(torch.zeros(2, recipe.preprocess.channels, side, side))
        except (ValueError, RuntimeError) as error:
            raise UsageError(
                f"{recipe.net} does not take pictures of {side}x{side}, so they cannot grow to {full}x{full}: {error}. "
                "Leave out --progressive, or give a larger share."
            ) from error


def refuse_ranks(prepared: Prepared, ranks: Ranks) -> None:
    """Raise UsageError where a run cannot be trained by so many ranks: its own rule, or too small a batch for each."""
    recipe, loader = prepared.recipe, prepared.loader("train")
    if ranks.size == 1:
        return
    if recipe.net in CATALOG and CATALOG[recipe.net].rule:
        raise UsageError(f"{recipe.net} learns by its own rule, in one process. Leave out --nproc.")
    model = prepared.blueprint.make()
    smallest, least = loader.count(loader.steps - 1), 1 if recipe.train.sync_bn else fewest_at_once(model)
    if smallest < least * ranks.size:
        raise UsageError(
            f"the smallest batch of an epoch has {smallest} pictures, and {ranks.size} processes need "
            f"{least} each. Give fewer --nproc, or another --batch than {loader.batch}."
        )

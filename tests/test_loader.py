"""TensorBoard's entry point: it must never be the reason why TensorBoard does not start."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser, Namespace
from importlib.metadata import entry_points

from tb_lossdiag import loader, tags
from tb_lossdiag.loader import LossDiagLoader


def test_tensorboard_finds_the_loader_by_its_entry_point() -> None:
    (found,) = entry_points(group="tensorboard_plugins", name=tags.PLUGIN)
    assert found.load() is LossDiagLoader


def test_importing_the_loader_imports_only_what_cannot_fail() -> None:
    code = (
        "import sys, tensorboard.plugins.base_plugin\n"
        "before = set(sys.modules)\n"
        "import tb_lossdiag.loader\n"
        "more = {name for name in set(sys.modules) - before if name.partition('.')[0] not in sys.stdlib_module_names}\n"
        "print(sorted(more))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "['tb_lossdiag', 'tb_lossdiag.loader']"


def test_every_point_of_our_own_data_is_kept() -> None:
    flags = Namespace(samples_per_plugin={"scalars": 500})
    LossDiagLoader().fix_flags(flags)
    assert flags.samples_per_plugin == {"scalars": 500, loader.PLUGIN: 0}


def test_what_the_user_said_about_our_data_stands() -> None:
    flags = Namespace(samples_per_plugin={loader.PLUGIN: 7})
    LossDiagLoader().fix_flags(flags)
    assert flags.samples_per_plugin == {loader.PLUGIN: 7}


def test_a_host_without_that_flag_is_left_alone() -> None:
    flags = Namespace()
    LossDiagLoader().fix_flags(flags)
    assert flags == Namespace()


def test_the_name_spelt_out_here_is_the_name_of_our_data() -> None:
    assert loader.PLUGIN == tags.PLUGIN


def test_our_flag_is_offered_and_a_clash_stops_nothing() -> None:
    parser = ArgumentParser()
    LossDiagLoader().define_flags(parser)
    LossDiagLoader().define_flags(parser)
    assert parser.parse_args([]).lossdiag_memory is None
    assert parser.parse_args(["--lossdiag_memory", "200"]).lossdiag_memory == 200.0
    assert parser.parse_args(["--lossdiag_cache", "off"]).lossdiag_cache == "off"

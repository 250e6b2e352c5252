"""FASTQ: trimming, alignment, duplicates."""


rule build_index:
    input:
        reference=[str(file.path) for file in PLAN.run.config.references[:1]],
    output:
        directory("work/index/{kind}"),
    params:
        job=lambda wildcards: PLAN.index(wildcards.kind),
    wildcard_constraints:
        kind="dna|rna",
    log:
        "logs/build_index/{kind}.log",
    benchmark:
        "benchmarks/build_index/{kind}.tsv"
    threads: PLAN.run.config.resources.align_threads
    resources:
        mem_mb=PLAN.index_memory_mb,
    message:
        "Indexing the genome for {wildcards.kind} reads"
    conda:
        "../envs/vexas_uba1.yaml"
    script:
        "../../scripts/build_index.py"


rule trim_reads:
    input:
        reads=lambda wildcards: [
            str(file.path) for file in PLAN.reads(wildcards.sample, wildcards.unit)
        ],
    output:
        temp(directory("work/trimmed/{sample}/{unit}")),
    params:
        job=lambda wildcards: PLAN.trim(wildcards.sample, wildcards.unit),
    log:
        "logs/trim_reads/{sample}/{unit}.log",
    benchmark:
        "benchmarks/trim_reads/{sample}/{unit}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "Trimming {wildcards.sample} {wildcards.unit}"
    conda:
        "../envs/vexas_uba1.yaml"
    script:
        "../../scripts/trim_reads.py"


rule align_reads:
    input:
        trimmed="work/trimmed/{sample}/{unit}",
        index=lambda wildcards: (
            [f"work/index/{PLAN.kind(wildcards.sample)}"] if PLAN.needs_index() else []
        ),
        reference=[str(file.path) for file in PLAN.run.config.references[:1]],
    output:
        temp(directory("work/aligned/{sample}/{unit}")),
    params:
        job=lambda wildcards: PLAN.align(wildcards.sample, wildcards.unit),
    log:
        "logs/align_reads/{sample}/{unit}.log",
    benchmark:
        "benchmarks/align_reads/{sample}/{unit}.tsv"
    threads: PLAN.run.config.resources.align_threads
    resources:
        mem_mb=PLAN.align_memory_mb,
    message:
        "Aligning {wildcards.sample} {wildcards.unit}"
    conda:
        "../envs/vexas_uba1.yaml"
    script:
        "../../scripts/align_reads.py"


rule mark_duplicates:
    input:
        aligned=lambda wildcards: [
            f"work/aligned/{wildcards.sample}/{unit.unit}"
            for unit in PLAN.by_id[wildcards.sample].units
        ],
    output:
        temp(directory("work/marked/{sample}")),
    params:
        job=lambda wildcards: PLAN.mark(wildcards.sample),
    log:
        "logs/mark_duplicates/{sample}.log",
    benchmark:
        "benchmarks/mark_duplicates/{sample}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
    message:
        "Marking duplicates of {wildcards.sample}"
    conda:
        "../envs/vexas_uba1.yaml"
    script:
        "../../scripts/mark_duplicates.py"

"""FASTQ: selection and trimming, alignment, duplicates."""


rule build_index:
    input:
        reference=[str(file.path) for file in PLAN.run.config.references[:1]],
    output:
        directory("work/index/{kind}"),
    log:
        "logs/build_index/{kind}.log",
    benchmark:
        "benchmarks/build_index/{kind}.tsv"
    wildcard_constraints:
        kind="dna|rna",
    conda:
        "../envs/vexas_uba1.yaml"
    threads: PLAN.run.config.resources.align_threads
    resources:
        mem_mb=growing(PLAN.index_memory_mb),
        runtime=growing(240),
    params:
        job=lambda wildcards: PLAN.index(wildcards.kind),
        files=PLAN.fingerprints_of_references[:1],
    message:
        "Indexing the genome for {wildcards.kind} reads"
    script:
        "../../scripts/build_index.py"


rule trim_reads:
    input:
        reads=lambda wildcards: [
            str(file.path) for file in PLAN.reads(wildcards.sample, wildcards.unit)
        ],
        reference=lambda wildcards: [
            str(file.path) for file in PLAN.bait_references(wildcards.sample)
        ],
    output:
        temp(directory("work/trimmed/{sample}/{unit}")),
    log:
        "logs/trim_reads/{sample}/{unit}.log",
    benchmark:
        "benchmarks/trim_reads/{sample}/{unit}.tsv"
    conda:
        "../envs/vexas_uba1.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(240),
    params:
        job=lambda wildcards: PLAN.trim(wildcards.sample, wildcards.unit),
        bait=lambda wildcards: PLAN.fingerprints_of_bait(wildcards.sample),
    message:
        "Trimming {wildcards.sample} {wildcards.unit}"
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
    log:
        "logs/align_reads/{sample}/{unit}.log",
    benchmark:
        "benchmarks/align_reads/{sample}/{unit}.tsv"
    conda:
        "../envs/vexas_uba1.yaml"
    threads: PLAN.run.config.resources.align_threads
    resources:
        mem_mb=growing(PLAN.align_memory_mb),
        runtime=growing(240),
    params:
        job=lambda wildcards: PLAN.align(wildcards.sample, wildcards.unit),
        versions=PLAN.versions_of_reads,
    message:
        "Aligning {wildcards.sample} {wildcards.unit}"
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
    log:
        "logs/mark_duplicates/{sample}.log",
    benchmark:
        "benchmarks/mark_duplicates/{sample}.tsv"
    conda:
        "../envs/vexas_uba1.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(240),
    params:
        job=lambda wildcards: PLAN.mark(wildcards.sample),
    message:
        "Marking duplicates of {wildcards.sample}"
    script:
        "../../scripts/mark_duplicates.py"

"""BAM or CRAM: the gene's reads, the call, the finished files."""


rule extract_region:
    input:
        reads=lambda wildcards: PLAN.local_reads(wildcards.sample),
        marked=lambda wildcards: (
            [f"work/marked/{wildcards.sample}"] if PLAN.by_id[wildcards.sample].is_fastq else []
        ),
        references=[str(file.path) for file in PLAN.run.config.references],
    output:
        directory("work/extracted/{sample}"),
    params:
        job=lambda wildcards: PLAN.extract(wildcards.sample),
        shown=lambda wildcards: PLAN.shown_reads(wildcards.sample),
        sheet=str(PLAN.run.config.samples.path),
    log:
        "logs/extract_region/{sample}.log",
    benchmark:
        "benchmarks/extract_region/{sample}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "Extracting the gene's reads of {wildcards.sample}"
    conda:
        "../envs/vexas_uba1.yaml"
    script:
        "../../scripts/extract_region.py"


rule call_variants:
    input:
        extracted="work/extracted/{sample}",
        trimmed=lambda wildcards: [
            f"work/trimmed/{wildcards.sample}/{unit.unit}"
            for unit in PLAN.by_id[wildcards.sample].units
        ],
        references=[str(file.path) for file in PLAN.run.config.references],
    output:
        directory("work/called/{sample}"),
    params:
        job=lambda wildcards: PLAN.call(wildcards.sample),
        # So that an upgrade of software, catalogue or gene record calls again.
        versions=PLAN.versions,
    log:
        "logs/call_variants/{sample}.log",
    benchmark:
        "benchmarks/call_variants/{sample}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "Calling {wildcards.sample}"
    conda:
        "../envs/vexas_uba1.yaml"
    script:
        "../../scripts/call_variants.py"


rule check_run:
    input:
        called=lambda wildcards: [
            f"work/called/{sample.id}" for sample in PLAN.run.of_run(wildcards.run)
        ],
    output:
        "cohort/carryover/{run}.json",
    params:
        rates=dict(PLAN.run.config.index_hopping_rate),
    log:
        "logs/check_run/{run}.log",
    benchmark:
        "benchmarks/check_run/{run}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "Checking the samples of run {wildcards.run} for carry-over"
    conda:
        "../envs/vexas_uba1.yaml"
    script:
        "../../scripts/check_run.py"


rule finalise_result:
    input:
        called="work/called/{sample}",
        extracted="work/extracted/{sample}",
        check=lambda wildcards: PLAN.run_check(wildcards.sample),
    output:
        "samples/{sample}/{sample}.status.json",
    params:
        lab_name=PLAN.run.config.lab_name,
        versions=PLAN.versions,
    log:
        "logs/finalise_result/{sample}.log",
    benchmark:
        "benchmarks/finalise_result/{sample}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "Writing the result and the report of {wildcards.sample}"
    conda:
        "../envs/vexas_uba1.yaml"
    script:
        "../../scripts/finalise_result.py"

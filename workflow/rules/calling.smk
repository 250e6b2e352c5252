"""BAM or CRAM: the gene's reads, the call, the finished files."""


rule extract_region:
    input:
        reads=lambda wildcards: PLAN.local_reads(wildcards.sample),
        marked=lambda wildcards: (
            [f"work/marked/{wildcards.sample}"]
            if PLAN.by_id[wildcards.sample].is_fastq
            else []
        ),
        trimmed=lambda wildcards: [
            f"work/trimmed/{wildcards.sample}/{unit.unit}"
            for unit in PLAN.by_id[wildcards.sample].units
        ],
        references=[str(file.path) for file in PLAN.run.config.references],
    output:
        directory("work/extracted/{sample}"),
    log:
        "logs/extract_region/{sample}.log",
    benchmark:
        "benchmarks/extract_region/{sample}.tsv"
    conda:
        "../envs/vexas_uba1.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(4),
        in_turn=1,
    params:
        job=lambda wildcards: PLAN.extract(wildcards.sample),
        shown=lambda wildcards: PLAN.shown_reads(wildcards.sample),
        sheet=lambda wildcards: PLAN.sheet_with_url(wildcards.sample),
        versions=PLAN.versions_of_reads,
        files=lambda wildcards: PLAN.fingerprints_of_input(wildcards.sample),
    message:
        "Extracting the gene's reads of {wildcards.sample}"
    script:
        "../../scripts/extract_region.py"


rule call_variants:
    input:
        extracted="work/extracted/{sample}",
        references=[str(file.path) for file in PLAN.run.config.references],
        primers=lambda wildcards: PLAN.primers(wildcards.sample),
        panel=PLAN.panel,
    output:
        directory("work/called/{sample}"),
    log:
        "logs/call_variants/{sample}.log",
    benchmark:
        "benchmarks/call_variants/{sample}.tsv"
    conda:
        "../envs/vexas_uba1.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(4),
        in_turn=1,
    params:
        job=lambda wildcards: PLAN.call(wildcards.sample),
        # So that an upgrade of software, catalogue or gene record calls again.
        versions=PLAN.versions,
        files=lambda wildcards: PLAN.fingerprints_of_call(wildcards.sample),
    message:
        "Calling {wildcards.sample}"
    script:
        "../../scripts/call_variants.py"


rule check_run:
    input:
        called=lambda wildcards: [
            f"work/called/{sample.id}" for sample in PLAN.run.of_run(wildcards.run)
        ],
    output:
        "cohort/carryover/{run}.json",
    log:
        "logs/check_run/{run}.log",
    benchmark:
        "benchmarks/check_run/{run}.tsv"
    conda:
        "../envs/vexas_uba1.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        rates=dict(PLAN.run.config.index_hopping_rate),
    message:
        "Checking the samples of run {wildcards.run} for carry-over"
    script:
        "../../scripts/check_run.py"


rule finalise_result:
    input:
        called="work/called/{sample}",
        extracted="work/extracted/{sample}",
        check=lambda wildcards: PLAN.run_check(wildcards.sample),
    output:
        status="samples/{sample}/{sample}.status.json",
        # For --report alone.
        report=report(
            directory("work/reports/{sample}"),
            patterns=["{file}.report.html"],
            caption="../report/sample.rst",
            category="Samples",
            labels=lambda wildcards: PLAN.report_labels(wildcards.sample),
        ),
    log:
        "logs/finalise_result/{sample}.log",
    benchmark:
        "benchmarks/finalise_result/{sample}.tsv"
    conda:
        "../envs/vexas_uba1.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(1),
        in_turn=1,
    params:
        lab_name=PLAN.lab_name,
        versions=PLAN.versions,
    message:
        "Writing the result and the report of {wildcards.sample}"
    script:
        "../../scripts/finalise_result.py"

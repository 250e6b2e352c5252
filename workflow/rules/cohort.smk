"""All samples together."""


rule summarise_cohort:
    input:
        statuses=PLAN.status_files,
    output:
        page=report(
            "cohort/cohort.html",
            caption="../report/cohort.rst",
            category="Cohort",
            labels={"file": "page of all samples"},
        ),
        table=report(
            "cohort/cohort.tsv",
            caption="../report/table.rst",
            category="Cohort",
            labels={"file": "table of all samples"},
        ),
        series=report(
            "cohort/series.tsv",
            caption="../report/series.rst",
            category="Cohort",
            labels={"file": "table of the patients' series"},
        ),
        multiqc="cohort/cohort_mqc.json",
        versions="work/versions.json",
    log:
        "logs/summarise_cohort.log",
    benchmark:
        "benchmarks/summarise_cohort.tsv"
    conda:
        "../envs/vexas_uba1.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        samples=PLAN.sample_infos,
        lab_name=PLAN.lab_name,
        remission=PLAN.remission,
        versions=PLAN.versions,
    message:
        "Summarising all samples"
    script:
        "../../scripts/summarise_cohort.py"


rule require_all:
    input:
        table="cohort/cohort.tsv",
        statuses=PLAN.status_files,
    output:
        touch("work/complete"),
    log:
        "logs/require_all.log",
    conda:
        "../envs/vexas_uba1.yaml"
    params:
        samples=PLAN.samples,
    message:
        "Making sure that no sample failed"
    script:
        "../../scripts/require_all.py"

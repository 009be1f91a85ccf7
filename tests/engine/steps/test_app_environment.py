"""app.environment: the Python and packages an app names, built once; its static files collected."""

import pytest

pytestmark = pytest.mark.django_db

LEAF = 'uses: app.environment, with: {app: "${{ inputs.app }}"}'


def test_it_builds_what_the_folder_names_and_says_what_it_runs(step, churn, app_file):
    row = step(LEAF, deployment=churn, app=app_file(requirements="flask\ngunicorn\n", python_version="3.11"))
    assert row.state == "succeeded", row.reason
    assert row.note == "Python 3.11, 2 packages asked for; runs web"
    assert row.outputs == {"python": "3.11", "packages": 2, "processes": {"web": "exec python web.py"}}


def test_another_python_may_be_named(step, churn, app_file):
    leaf = 'uses: app.environment, with: {app: "${{ inputs.app }}", python: "3.10"}'
    assert step(leaf, deployment=churn, app=app_file(python_version="3.11")).outputs["python"] == "3.10"
    leaf = 'uses: app.environment, with: {app: "${{ inputs.app }}", python: "3.9"}'
    assert "Python 3.9 is not installed. Found here: 3.10" in step(leaf, deployment=churn, app=app_file()).reason


def test_a_python_that_is_not_installed_fails_and_names_those_that_are(step, churn, app_file):
    row = step(LEAF, deployment=churn, app=app_file(python_version="3.13"))
    assert row.state == "failed"
    assert "pins Python 3.13" in row.reason
    assert "Found here: 3.10, 3.11, 3.12" in row.reason


def test_a_folder_without_a_procfile_fails_with_what_to_write(step, churn, app_file, target):
    row = step(LEAF, deployment=churn, app=app_file(procfile=None))
    assert row.state == "failed"
    assert row.reason.startswith("There is no Procfile in the folder")
    assert target.calls == []


def test_what_is_no_folder_fails(step, churn, hand_in):
    assert "neither .tar.gz nor .zip" in step(LEAF, deployment=churn, app=hand_in(b"nothing", "x.zip")).reason


def test_settings_that_nobody_has_given_are_named_before_anything_is_built(step, churn, app_file, target):
    wanted = {"env": {"BANK_KEY": {"description": "of the bank"}, "MADE": {"generator": "secret"}, "MODE": "quiet"}}
    row = step(LEAF, deployment=churn, app=app_file(app_json=wanted))
    assert row.state == "failed"
    assert row.reason == (
        "The app needs BANK_KEY (app.json) (BANK_KEY: of the bank). Set: desirepath config set churn BANK_KEY=…"
    )
    churn.configure({"BANK_KEY": "x"}, None)
    assert step(LEAF, deployment=churn, app=app_file(app_json=wanted)).state == "succeeded"


def test_a_django_projects_static_files_are_collected_in_the_folder_of_the_release(step, churn, app_file, target):
    row = step(LEAF, deployment=churn, app=app_file(manage="", requirements="django"))
    assert row.state == "succeeded", row.reason
    assert target.started() == ["collect"]
    (job,) = target.workloads.values()
    assert job.source.name.startswith("app-")
    assert "collectstatic" in job.argv[-1]


def test_static_files_are_not_collected_where_a_setting_says_so(step, churn, app_file, target):
    churn.configure({"DISABLE_COLLECTSTATIC": "1"}, None)
    assert step(LEAF, deployment=churn, app=app_file(manage="", requirements="django")).state == "succeeded"
    assert target.started() == []


def test_what_an_app_prepares_itself_is_run_in_the_folder_of_the_release(step, churn, app_file, target):
    row = step(LEAF, deployment=churn, app=app_file(post_compile="pybabel compile\n"))
    assert row.state == "succeeded", row.reason
    assert target.started() == ["post-compile"]
    (job,) = target.workloads.values()
    assert job.argv[-1] == "bash bin/post_compile"


def test_an_older_python_comes_with_what_old_packages_count_on(step, churn, app_file, target):
    for python, optional in (("3.11", ("setuptools<81",)), ("3.12", ())):
        app = app_file(python_version=python, manage="", requirements="django")
        assert step(LEAF, deployment=churn, app=app).state == "succeeded"
        job = list(target.workloads.values())[-1]
        assert (job.environment.python, job.environment.optional) == (python, optional)


def test_a_plan_says_what_would_be_built(churn, app_file, plan_of):
    assert plan_of(LEAF, app=app_file(requirements="flask")) == ["prepare Python 3.11, 1 package asked for"]
    assert plan_of(LEAF) == ["prepare the Python and packages the app names"]

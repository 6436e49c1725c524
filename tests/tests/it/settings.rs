//! The settings file of `lwa`, through the real binary: what goes before what, and what is said
//! of a file that cannot be used.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use lwa_tests::emulator::{self, Emulator};
use tempfile::TempDir;

use crate::cli::{lwa, shown, text};

const PLANTED: &str = "amzn1.oa2-cs.v1.planted";

/// An audit of an empty account says where it looked.
struct Audit {
    emulator: Emulator,
    folder: TempDir,
    file: PathBuf,
}

impl Audit {
    /// With a settings file of these lines, which also names the emulator.
    fn with(lines: &[&str]) -> Self {
        let emulator = emulator::moto();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        let endpoint = format!("AWS_ENDPOINT_URL = \"{}\"", emulator.url);
        let lines = [lines, &[&endpoint]].concat().join("\n");
        fs::write(&file, lines).unwrap();
        Self {
            emulator,
            folder,
            file,
        }
    }

    /// What is said where the file is the one that `LWA_CONFIG` names.
    fn says(&self, arguments: &[&str], variables: &[(&str, &str)], expected: &str) {
        let file = self.file.to_str().unwrap();
        let variables = [variables, &[("LWA_CONFIG", file)]].concat();
        self.says_by_itself(arguments, &variables, expected);
    }

    fn says_by_itself(&self, arguments: &[&str], variables: &[(&str, &str)], expected: &str) {
        let output = lwa(&["audit"])
            .args(arguments)
            .current_dir(&self.folder)
            .env("AWS_ACCESS_KEY_ID", &self.emulator.account)
            .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let said = text(&output.stderr);
        let expected = format!("there is no credential in {expected}; ");
        assert!(said.contains(&expected), "{expected}\n{said}");
    }
}

#[test]
fn an_option_goes_before_the_environment_and_that_before_the_file_and_that_before_the_default() {
    let audit = Audit::with(&[
        "LWA_PARAMETER_PREFIX = \"/of-the-file\"",
        "AWS_REGION = \"eu-central-1\"",
    ]);
    let environment = [
        ("LWA_PARAMETER_PREFIX", "/of-the-environment"),
        ("AWS_REGION", "us-west-2"),
    ];
    let options = ["--prefix", "/of-an-option", "--region", "ap-south-1"];
    let default = Audit::with(&["AWS_REGION = \"eu-central-1\""]);

    let below = "Parameter Store below";
    default.says(&[], &[], &format!("{below} /my-erp, region eu-central-1"));
    audit.says(
        &[],
        &[],
        &format!("{below} /of-the-file, region eu-central-1"),
    );
    let expected = format!("{below} /of-the-environment, region us-west-2");
    audit.says(&[], &environment, &expected);
    let expected = format!("{below} /of-an-option, region ap-south-1");
    audit.says(&options, &environment, &expected);
    audit.says(&options, &[], &expected);

    // An empty variable counts as not set.
    let empty = [("LWA_PARAMETER_PREFIX", " "), ("AWS_REGION", "")];
    audit.says(
        &[],
        &empty,
        &format!("{below} /of-the-file, region eu-central-1"),
    );
    let other = [("AWS_DEFAULT_REGION", "us-west-2")];
    audit.says(
        &[],
        &other,
        &format!("{below} /of-the-file, region us-west-2"),
    );
}

#[test]
fn a_vault_of_the_file_gives_way_to_one_of_an_option() {
    let audit = Audit::with(&[
        "LWA_VAULT = \"secrets-manager\"",
        "AWS_REGION = \"eu-west-1\"",
    ]);
    let tail = "below /my-erp, region eu-west-1";
    audit.says(&[], &[], &format!("Secrets Manager {tail}"));
    let variable = [("LWA_VAULT", "parameter-store")];
    audit.says(&[], &variable, &format!("Parameter Store {tail}"));
    let option = ["--vault", "secrets-manager"];
    audit.says(&option, &variable, &format!("Secrets Manager {tail}"));
}

#[test]
fn an_endpoint_goes_by_the_same_order_and_one_of_a_single_service_before_all_of_them() {
    let audit = Audit::with(&["AWS_REGION = \"eu-west-1\""]);
    let emulator = audit.emulator.url.clone();
    let text = fs::read_to_string(&audit.file).unwrap();
    let nowhere = "http://127.0.0.1:1";
    fs::write(&audit.file, text.replace(&emulator, nowhere)).unwrap();
    let expected = "Parameter Store below /my-erp, region eu-west-1";
    audit.says(&[], &[("AWS_ENDPOINT_URL", &emulator)], expected);
    audit.says(&[], &[("AWS_ENDPOINT_URL_SSM", &emulator)], expected);
    let variable = [("AWS_ENDPOINT_URL", nowhere)];
    audit.says(&["--endpoint-url", &emulator], &variable, expected);
}

#[test]
fn a_profile_of_the_file_gives_way_to_one_of_the_environment_or_of_an_option() {
    let audit = Audit::with(&["AWS_PROFILE = \"file\""]);
    let config = audit.folder.path().join("config");
    let profiles = "[profile file]\nregion = eu-west-1\n[profile environment]\nregion = \
                    us-west-2\n[profile option]\nregion = ap-south-1\n";
    fs::write(&config, profiles).unwrap();
    let config = ("AWS_CONFIG_FILE", config.to_str().unwrap());
    let variables = [config, ("AWS_PROFILE", "environment")];
    let below = "Parameter Store below /my-erp, region";
    audit.says(&[], &[config], &format!("{below} eu-west-1"));
    audit.says(&[], &variables, &format!("{below} us-west-2"));
    let option = ["--profile", "option"];
    audit.says(&option, &variables, &format!("{below} ap-south-1"));
}

#[test]
fn the_file_is_that_of_the_option_or_the_variable_or_the_user_and_never_that_of_the_folder() {
    let audit = Audit::with(&["LWA_PARAMETER_PREFIX = \"/named\""]);
    let text = fs::read_to_string(&audit.file).unwrap();
    let write = |path: &str, prefix: &str| {
        let file = audit.folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text.replace("/named", prefix)).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let of_option = write("option.toml", "/of-the-option");
    write("home/.config/lwa.toml", "/at-home");
    write("xdg/lwa.toml", "/at-xdg");
    write("lwa.toml", "/of-the-folder");
    let path = |name: &str| audit.folder.path().join(name).to_str().unwrap().to_owned();
    let (home, xdg, named) = (path("home"), path("xdg"), path("settings.toml"));
    let region = ("AWS_REGION", "eu-west-1");
    let all = [
        region,
        ("HOME", home.as_str()),
        ("XDG_CONFIG_HOME", xdg.as_str()),
        ("LWA_CONFIG", named.as_str()),
    ];
    let expected = |prefix| format!("Parameter Store below {prefix}, region eu-west-1");
    let option = ["--config", &of_option];
    audit.says_by_itself(&option, &all, &expected("/of-the-option"));
    audit.says_by_itself(&[], &all, &expected("/named"));
    audit.says_by_itself(&[], &all[..3], &expected("/at-xdg"));
    audit.says_by_itself(&[], &all[..2], &expected("/at-home"));
    let endpoint = ("AWS_ENDPOINT_URL", audit.emulator.url.as_str());
    audit.says_by_itself(&[], &[region, endpoint], &expected("/my-erp"));
}

#[test]
fn a_file_that_cannot_be_used_is_told_with_its_line_and_stops_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lwa.toml");
    let refused = |text: Option<&str>| {
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        let output = lwa(&["token", "--config", file.to_str().unwrap()])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = shown(&output);
        assert!(!said.contains("planted"), "{said}");
        said.replace(folder.path().to_str().unwrap(), "FOLDER")
    };
    let missing = refused(None);
    assert!(
        missing.contains("`FOLDER/lwa.toml` does not exist"),
        "{missing}"
    );
    assert!(missing.contains("named by `--config`"), "{missing}");
    let secret = format!("# Ours.\nLWA_TOKEN_URL = \"{PLANTED}\"\n");
    let secret = refused(Some(&secret)).replace('\n', " ");
    assert!(secret.contains("FOLDER/lwa.toml, line 2: "), "{secret}");
    assert!(secret.contains("`lwa store` puts them there"), "{secret}");
    let unknown = refused(Some(
        "LWA_VAULT = \"parameter-store\"\nLWA_PREFIX = \"/my-erp\"\n",
    ));
    assert!(
        unknown.contains("line 2: `LWA_PREFIX` is not a setting; allowed:"),
        "{unknown}"
    );
    assert!(unknown.contains("LWA_PARAMETER_PREFIX"), "{unknown}");
    assert!(
        unknown.lines().all(|line| line.chars().count() <= 80),
        "{unknown}"
    );
    let wrong = refused(Some("SECRET_LIFETIME_DAYS = [180]\nAUTO_ROTATE = 1.5\n"));
    assert!(
        wrong.contains("line 2: AUTO_ROTATE is of the wrong type"),
        "{wrong}"
    );
}

#[test]
fn the_file_in_the_readme_can_be_used() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, example) = readme.split_once("<!-- settings:").unwrap();
    let (_, example) = example.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, example).unwrap();
    let output = lwa(&["replay", "events/parameter-store/change-delete", "--config"])
        .arg(file.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
}

#[test]
fn a_command_without_settings_is_not_stopped_by_their_file() {
    let missing = Path::new("no/such/settings.toml");
    let explain = lwa(&["explain", "LWA005"])
        .env("LWA_CONFIG", missing)
        .output()
        .unwrap();
    assert_eq!(explain.status.code(), Some(0));
    let replay = lwa(&["replay", "events/parameter-store/change-delete"])
        .env("LWA_CONFIG", missing)
        .output()
        .unwrap();
    assert_eq!(replay.status.code(), Some(2));
    assert!(text(&replay.stderr).contains("named by LWA_CONFIG"));
}

#[test]
fn a_file_that_others_may_write_or_replace_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    fs::write(&file, "LWA_VAULT = \"both\"\n").unwrap();
    let path = fs::canonicalize(&file).unwrap();
    let shown_folder = path.parent().unwrap().display();
    for (mode_of_folder, mode_of_file, expected) in [
        (0o755, 0o664, format!("`chmod go-w {}`", file.display())),
        (0o755, 0o646, format!("`chmod go-w {}`", file.display())),
        (0o777, 0o644, format!("`chmod o-w {shown_folder}`")),
        (0o1777, 0o644, "no AWS region is configured".to_owned()),
        (0o755, 0o644, "no AWS region is configured".to_owned()),
    ] {
        fs::set_permissions(folder.path(), Permissions::from_mode(mode_of_folder)).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode_of_file)).unwrap();
        let output = lwa(&["audit", "--config", file.to_str().unwrap()])
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let said = text(&output.stderr).to_owned();
        assert!(
            said.contains(&expected),
            "{mode_of_folder:o} {mode_of_file:o}: {said}"
        );
        let is_refused = expected.contains("chmod");
        assert_eq!(output.status.code(), Some(if is_refused { 2 } else { 1 }));
        assert_eq!(
            is_refused,
            said.contains("where client secrets are sent"),
            "{said}"
        );
    }
}

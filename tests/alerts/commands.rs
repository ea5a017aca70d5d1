//! The commands of the runbooks, typed as they are shown, on a real API server. Left out are those
//! that need a node, the outside or Helm. Must not judge what they print.

use std::process::{Command, Stdio};

use serde_json::json;
use testbed::Cluster;
use testbed::assets::Assets;

use super::{files, root};

/// What Helm prints after an install.
const NOTES: &str = "charts/backfill-operator/templates/NOTES.txt";

/// What only a whole installation, or the outside, can answer.
const ELSEWHERE: [&str; 7] = [
    "-n backfill-system",
    "get deployments -A ",
    "kubectl run ",
    "curl ",
    "helm ",
    "psql ",
    "kill ",
];

/// Each block of commands, one command a line, without those that are for elsewhere.
fn blocks(page: &str) -> Vec<String> {
    let joined = page.replace("\\\n", " ");
    let blocks = joined.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let ours = blocks.map(|block| {
        let lines = block.lines().filter(|line| !ELSEWHERE.iter().any(|it| line.contains(it)));
        lines.collect::<Vec<_>>().join("\n")
    });
    ours.filter(|block| block.contains("kubectl")).collect()
}

#[tokio::test]
async fn what_a_runbook_has_typed_can_be_typed() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.create_namespace().await.unwrap();
    cluster.create_credentials(&namespace, "github", "ghp_old").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let object = json!({"apiVersion": "backfill.contributor.info/v1alpha1",
        "kind": "RepositoryBackfill", "metadata": {"name": "widgets", "namespace": namespace},
        "spec": {"repository": "octo/widgets", "credentialsRef": {"name": "github"}}});
    std::fs::write(folder.path().join("object.json"), object.to_string()).unwrap();
    let path = folder.path().join("object.json").display().to_string();
    cluster.kubectl_text(&["create", "-f", &path]).unwrap();
    std::fs::write(folder.path().join("new-token"), "ghp_new\n").unwrap();
    let programs = Assets::find().unwrap().kubectl;
    let search = format!(
        "{}:{}",
        programs.parent().unwrap().display(),
        std::env::var_os("PATH").unwrap().to_string_lossy()
    );
    let mut typed = 0;
    for page in files("docs/runbooks", ".md") {
        for block in blocks(&std::fs::read_to_string(&page).unwrap()) {
            let block = block.replace("-n team", &format!("-n {namespace}"));
            // What goes to GitHub in a file is looked at before the block removes it.
            let block = block.replace("rm header.txt", "cat header.txt");
            let output = Command::new("sh")
                .args(["-c", &block])
                .env("PATH", &search)
                .env("KUBECONFIG", cluster.kubeconfig_path())
                .current_dir(folder.path())
                .stdin(Stdio::from(std::fs::File::open(folder.path().join("new-token")).unwrap()))
                .output()
                .unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            let wrong = said.lines().find(|line| !line.starts_with("Warning: "));
            assert_eq!(wrong, None, "{}: {block}", page.display());
            if block.contains("cat header.txt") {
                let sent = String::from_utf8(output.stdout).unwrap();
                assert!(sent.contains("Authorization: Bearer ghp_"), "{}: {sent}", page.display());
            }
            typed += 1;
        }
    }
    assert!(typed >= 15, "{typed} blocks");
    let get = |what: &[&str]| {
        cluster.kubectl_text(&[&["-n", &namespace, "get"][..], what].concat()).unwrap()
    };
    let token = "go-template={{.data.token | base64decode}}";
    assert_eq!(get(&["secret", "github", "-o", token]).trim(), "ghp_new");
    let label = "jsonpath={.metadata.labels.backfill\\.contributor\\.info/credentials}";
    assert_eq!(get(&["secret", "github", "-o", label]), "true");
    let suspended = "jsonpath={.spec.suspend}";
    assert_eq!(get(&["rbf", "widgets", "-o", suspended]), "true");
}

/// A token on a command line can be read by everybody on the machine, and stays in a history.
#[test]
fn nobody_is_told_to_type_a_token() {
    let others =
        ["README.md", "charts/backfill-operator/README.md", NOTES].map(|it| root().join(it));
    let pages = [files("docs/runbooks", ".md"), files("docs", ".md"), others.to_vec()].concat();
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        let spoken = ["--from-literal=token", "-H \"Authorization", "-H 'Authorization", "ghp_"];
        let found = spoken.iter().find(|form| text.contains(**form));
        assert_eq!(found, None, "{}", page.display());
        let (fetched, sent) = (text.matches("data.token").count(), text.matches("-H @").count());
        assert_eq!(fetched, sent, "{}: a token goes elsewhere than a header", page.display());
    }
}

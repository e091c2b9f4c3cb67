//! The dependency graph as cargo resolves it: packages, direct edges by kind, reachability.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use super::tree;

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Linked into the crate, or run by its build script.
    Build,
    /// Only for the crate's own tests.
    Dev,
}

/// The resolved graph; nodes are cargo package ids.
#[derive(Debug)]
pub(super) struct Graph {
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<(String, Kind)>>,
    members: BTreeSet<String>,
}

impl Graph {
    /// The graph of this workspace, read once.
    pub(super) fn get() -> &'static Self {
        static GRAPH: OnceLock<Graph> = OnceLock::new();
        GRAPH.get_or_init(Self::read)
    }

    fn read() -> Self {
        let out = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--frozen"])
            .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
            .current_dir(tree::root())
            .output()
            .expect("cargo runs");
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let meta: Value = serde_json::from_slice(&out.stdout).expect("cargo metadata is JSON");
        let names = list(&meta["packages"])
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let members = list(&meta["workspace_members"]).map(text).collect();
        let edges = list(&meta["resolve"]["nodes"])
            .map(|node| {
                (
                    text(&node["id"]),
                    list(&node["deps"]).flat_map(edge).collect(),
                )
            })
            .collect();
        Self {
            names,
            edges,
            members,
        }
    }

    /// The workspace's own crates, by name.
    pub(super) fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|id| self.name(id))
    }

    /// The names a member depends on directly for this kind.
    pub(super) fn direct(&self, member: &str, kind: Kind) -> BTreeSet<&str> {
        let id = self
            .members
            .iter()
            .find(|id| self.name(id) == member)
            .expect("a member");
        self.edges[id]
            .iter()
            .filter(|(_, k)| *k == kind)
            .map(|(to, _)| self.name(to))
            .collect()
    }

    /// Every package a member links, through any number of steps; its own tests' needs left out.
    pub(super) fn reach(&self, member: &str) -> BTreeSet<&str> {
        let start = self
            .members
            .iter()
            .find(|id| self.name(id) == member)
            .expect("a member");
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(id) = open.pop() {
            for (to, kind) in &self.edges[id] {
                if *kind == Kind::Build && seen.insert(to) {
                    open.push(to);
                }
            }
        }
        seen.into_iter().map(|id| self.name(id)).collect()
    }

    fn name(&self, id: &str) -> &str {
        &self.names[id]
    }
}

fn edge(dep: &Value) -> impl Iterator<Item = (String, Kind)> {
    let to = text(&dep["pkg"]);
    list(&dep["dep_kinds"]).map(move |kind| {
        let kind = if kind["kind"] == "dev" {
            Kind::Dev
        } else {
            Kind::Build
        };
        (to.clone(), kind)
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

//! The official OpenAI SDK against the running gateway with its shipped experts.

use tests::mock::Mock;
use tests::sdk::{self, Target};
use tests::system::{Setup, System};
use tests::workers::expert;

#[test]
fn the_official_sdk_is_content() {
    let slow = Mock::start(&["--delay-ms", "600000", "--ttft-ms", "600000"]);
    let paced = Mock::start(&["--tokens", "400", "--token-ms", "20"]);
    let experts: Vec<_> = ["finance", "legal", "medical", "general"]
        .iter()
        .map(|id| expert(id))
        .collect();
    let config = format!(
        "[policy]
generalist = \"general\"
[[pools]]
id = \"local\"
experts = {experts:?}
rates = [{{ effective_from = \"2026-01-01T00:00:00Z\", per_hour = \"0.10\", source = \"the test\" }}]
[pools.children]
device = \"cpu\"
threads = 1
{slow}{paced}
[[tenants]]
id = \"a\"
name = \"A\"
[[tenants.scenarios]]
id = \"bank-intents\"
name = \"Intents\"
unit_of_work = \"a message\"
task = \"banking77\"
",
        slow = slow.remote("slow").replace("0.9", "0.0"),
        paced = paced.remote("paced").replace("0.9", "0.0"),
    );
    let system = System::start(&Setup {
        config,
        ..Setup::default()
    });
    system.wait_ready();
    let nobody = system.key("a", &["--name", "gone"]);
    let id = system.key_id("a", "gone");
    system.told(&["key", "revoke", "--tenant", "a", &id]);
    let address = system.address();
    system.wait("the withdrawn key is refused", || {
        tests::http::get(address, "/v1/models", Some(&nobody)).status == 401
    });
    let target = Target {
        base_url: format!("http://{address}/v1"),
        full: system.key("a", &[]),
        nobody,
        limited: system.key("a", &["--requests-per-minute", "1"]),
        broke: system.key("a", &["--monthly-budget", "0"]),
        narrow: system.key("a", &["--expert", "finance", "--expert", "general"]),
    };
    match sdk::run(&target) {
        Ok(said) => println!("{said}"),
        Err(why) => panic!("{why:#}"),
    }
}

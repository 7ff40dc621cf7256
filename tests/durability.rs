//! Nothing is acknowledged before it is on the disk.
//!
//! The real server runs under strace while relying parties and phones use it; strace writes down every write, sync and
//! response. Then: every response that acknowledges a change was sent after a sync that reached the change's commit; and
//! whatever moment the power fails at, what was synced by then opens and holds everything acknowledged by then. With our
//! sync left out the same checks must fail, or they would prove nothing.

#[path = "durability/acknowledged.rs"]
mod acknowledged;
#[path = "durability/disk.rs"]
mod disk;
#[path = "durability/recording.rs"]
mod recording;

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use acknowledged::{Acknowledgement, Change};
use disk::Disk;
use protocol::messages::{Answer, Outcome, PushTarget};
use recording::{Action, Step};
use server::store::embedded::{EmbeddedStore, Options, Sync};
use tests::process::party::{Party, Polled};
use tests::process::phone::Phone;
use tests::process::{Server, Site, say};
use tokio::runtime::Handle;

const WORKERS: usize = 4;
const FLOWS_OF_A_WORKER: usize = 30;
const CUTS: usize = 50;

/// What was written down while a server worked.
struct Run {
    site: Site,
    steps: Vec<Step>,
    acknowledgements: Vec<Acknowledgement>,
}

impl Run {
    /// The server is started twice: the second time it is ended by `kill -9`, as its first start found nothing to read.
    async fn of(mut site: Site) -> Self {
        let mut steps = Vec::new();
        let mut lines = 0;
        let mut client = None;
        for turn in 0..2 {
            let recording = site.path(&format!("recording-{turn}"));
            site.run_under(recording::tracer(&recording));
            let mut server = site.serve().await;
            let party = match client.take() {
                Some(party) => party,
                None => server.operator().await.expect("a connection").create_client("shop").await.expect("a client"),
            };
            work(&server, &party, turn).await;
            if turn == 0 {
                assert!(server.terminate().success());
            } else {
                server.kill();
            }
            client = Some(party);
            let text = fs::read_to_string(recording).expect("strace wrote it");
            steps.append(&mut recording::read(&text, lines));
            lines += text.lines().count();
        }
        let acknowledgements = acknowledged::all(&steps);
        Self { site, steps, acknowledgements }
    }

    fn file(&self) -> String {
        self.site.store().join("db").display().to_string()
    }

    fn without_sync(&self) -> Vec<&Acknowledgement> {
        acknowledged::without_sync(&self.acknowledgements, &self.steps, &self.file())
    }

    /// How many of each kind: a test in which nothing was acknowledged would show nothing.
    fn count(&self, kind: fn(&Change) -> bool) -> usize {
        self.acknowledgements.iter().filter(|acknowledgement| kind(&acknowledgement.change)).count()
    }

    fn is_sync(&self, step: &Step) -> bool {
        matches!(&step.action, Action::Sync { path } if *path == self.file())
    }

    /// Lets the power fail after syncs spread over the run; what was wrong each time, and how often it failed.
    ///
    /// The disk is as it is just before the next sync ends, so that everything acknowledged until then must be found.
    fn cut(&self) -> (usize, Vec<String>) {
        let syncs = self.steps.iter().filter(|step| self.is_sync(step)).count();
        let stride = (syncs / CUTS).max(1);
        let mut disk = Disk::of(&self.site.store());
        let mut chance = chance(4711);
        let (mut cuts, mut passed, mut wrong) = (0, 0, Vec::new());
        let mut moments: Vec<(usize, bool, &Step)> = Vec::new();
        for step in &self.steps {
            moments.push((step.began, false, step));
            moments.push((step.ended, true, step));
        }
        // A call within one line begins before it ends.
        moments.sort_by_key(|(moment, is_end, _)| (*moment, *is_end));
        for (moment, is_end, step) in moments {
            if !is_end {
                disk.begin(step);
                continue;
            }
            if self.is_sync(step) {
                // After the last sync of the run, too, the power may fail.
                if passed > 0 && passed % stride == 0 {
                    cuts += 1;
                    let held = self.acknowledgements.partition_point(|acknowledgement| acknowledgement.at < moment);
                    wrong.append(&mut self.judge(&disk, &self.acknowledgements[..held], &mut chance));
                }
                passed += 1;
            }
            disk.end(step);
        }
        cuts += 1;
        wrong.append(&mut self.judge(&disk, &self.acknowledgements, &mut chance));
        (cuts, wrong)
    }

    /// Opens what is left, in the best ordered and in the worst of cases.
    fn judge(&self, disk: &Disk, held: &[Acknowledgement], chance: &mut impl FnMut() -> bool) -> Vec<String> {
        let mut wrong = Vec::new();
        let dir = self.site.path("left");
        for unlucky in [false, true] {
            fs::create_dir_all(&dir).expect("a directory");
            if unlucky {
                disk.after_unlucky_power_failure(&dir, chance);
            } else {
                disk.after_power_failure(&dir);
            }
            wrong.append(&mut opened(&dir, held));
            fs::remove_dir_all(&dir).expect("it is ours");
        }
        wrong
    }
}

fn opened(dir: &Path, held: &[Acknowledgement]) -> Vec<String> {
    let options = Options { sync: Sync::NeverForTesting, ..Options::default() };
    match EmbeddedStore::open(dir, options) {
        Ok(store) => {
            // Over pages that were lost sled may panic.
            let judging = AssertUnwindSafe(|| Handle::current().block_on(acknowledged::judge(&store, held)));
            let judged = tokio::task::block_in_place(|| panic::catch_unwind(judging));
            judged.unwrap_or_else(|_| vec!["the store cannot be read".to_owned()])
        }
        Err(error) => vec![format!("the store does not open: {error}")],
    }
}

/// Heads or tails, the same ones every time.
fn chance(seed: u64) -> impl FnMut() -> bool {
    let mut state = seed;
    move || {
        // Knuth's MMIX generator; its upper bits are good enough for a coin.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 63 == 1
    }
}

/// Whole flows, a few at a time; some are denied and some never answered.
async fn work(server: &Server, party: &Party, turn: usize) {
    let mut tasks = Vec::new();
    for worker in 0..WORKERS {
        let (party, user) = (party.clone(), format!("{turn}-{worker}"));
        let mut operator = server.operator().await.expect("a connection");
        let mut connection = server.connect().await.expect("a connection");
        tasks.push(tokio::spawn(async move {
            operator.create_user(&user).await.expect("a user");
            let phone = Phone::enrol(&mut operator, &mut connection, &user, PushTarget::None).await;
            let mut phone = phone.expect("a phone");
            for number in 0..FLOWS_OF_A_WORKER {
                let begun = party.begin(&mut connection, &user, "Order 4711").await.expect("a request");
                if number % 10 == 9 {
                    continue;
                }
                let answer = if number % 5 == 4 { Answer::Deny } else { Answer::Approve };
                let prompts = phone.prompts(&mut connection, 0).await.expect("prompts");
                let decided = phone.decide(prompts.last().expect("one is pending"), answer);
                let outcome = phone.send(&mut connection, &decided).await.expect("a result");
                let polled = party.poll(&mut connection, &begun.auth_req_id).await.expect("an answer");
                match answer {
                    Answer::Approve => {
                        assert_eq!(outcome, Ok(Outcome::Approved));
                        assert!(matches!(polled, Polled::Tokens(_)), "{polled:?}");
                    }
                    Answer::Deny => assert_eq!(polled, Polled::Refused("access_denied".to_owned())),
                }
            }
        }));
    }
    for task in tasks {
        task.await.expect("the flows go well");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledgement_comes_after_its_sync_and_survives_a_power_failure_at_any_of_50_moments() {
    let run = Run::of(Site::new()).await;
    let begun = run.count(|change| matches!(change, Change::Begun { .. }));
    let decided = run.count(|change| matches!(change, Change::Decided { .. }));
    let redeemed = run.count(|change| matches!(change, Change::Redeemed { .. }));
    let syncs = run.steps.iter().filter(|step| run.is_sync(step)).count();
    let all = run.acknowledgements.len();
    say(&format!("{all} acknowledged: {begun} requests, {decided} decisions, {redeemed} redemptions; {syncs} syncs"));
    assert_eq!(begun, 2 * WORKERS * FLOWS_OF_A_WORKER, "the recording is whole");
    assert!(decided > begun / 2 && redeemed > begun / 2 && all > begun + decided + redeemed);

    let late = run.without_sync();
    assert!(late.is_empty(), "{} of {all} were not synced first: {:?}", late.len(), late.first());

    let (cuts, wrong) = run.cut();
    say(&format!("the power failed {cuts} times, each time with and without chance picking unsynced pages"));
    assert!(wrong.is_empty(), "{} things are wrong after {cuts} power failures:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cuts >= CUTS, "only {cuts} cuts");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_our_sync_the_same_checks_fail() {
    let run = Run::of(Site::new().switched("--dev-no-sync")).await;
    let (late, all) = (run.without_sync().len(), run.acknowledgements.len());
    say(&format!("without our sync: {late} of {all} acknowledgements were not synced first"));
    assert!(all > 2 * WORKERS * FLOWS_OF_A_WORKER);
    assert_eq!(late, all, "nothing but our sync brings a commit to the disk");
    let (cuts, wrong) = run.cut();
    say(&format!("without our sync: {} things lost in {cuts} power failures", wrong.len()));
    assert!(!wrong.is_empty());
}

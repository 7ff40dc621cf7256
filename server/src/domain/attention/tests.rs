use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000 + seconds)
}

fn id(n: usize) -> ClientId {
    ClientId::new(format!("client-{n}"))
}

fn client(n: usize) -> Counted {
    Counted::alone(id(n))
}

fn account() -> Account {
    Account { own: Attention::of(Subject::new("1001"), None), apart: None }
}

/// Answered at once, so that nothing but time limits it.
fn taken(account: &mut Account, client: &Counted, second: i64) -> Result<Loudness, Limit> {
    let wish = wish(client, second);
    account.take(&wish, &[wish.request], &Policy::default()).inspect(|_| forget_open(account, client))
}

fn forget_open(account: &mut Account, client: &Counted) {
    let apart = account.apart.iter_mut().flat_map(|apart| &mut apart.shares);
    account.own.shares.iter_mut().chain(apart).filter(|share| share.client == *client).for_each(|share| {
        share.open.clear();
    });
}

fn wish(client: &Counted, second: i64) -> Wish<'_> {
    let request = RequestKey::of(&format!("{} {second}", client.as_str()));
    Wish { client: &client.0, counted: client, request, until: at(second + 120), has_code: false, now: at(second) }
}

#[test]
fn a_sixth_prompt_within_a_minute_is_refused_and_one_a_minute_later_is_not() {
    let mut account = account();
    assert!((0..5).all(|second| taken(&mut account, &client(1), second).is_ok()));
    assert_eq!(taken(&mut account, &client(1), 59), Err(Limit::PerMinute));
    assert_eq!(taken(&mut account, &client(1), 60), Ok(Loudness::Push));
}

#[test]
fn a_thirty_first_prompt_within_an_hour_is_refused() {
    let mut account = account();
    assert!((0..30).all(|n| taken(&mut account, &client(1), n * 60).is_ok()));
    assert_eq!(taken(&mut account, &client(1), 3599), Err(Limit::PerHour));
    assert_eq!(taken(&mut account, &client(1), 3600), Ok(Loudness::Push));
}

#[test]
fn a_fourth_pending_prompt_is_refused_until_one_is_answered_or_expires() {
    let (mut account, shop, policy) = (account(), client(1), Policy::default());
    for second in 0..3 {
        assert_eq!(account.open(&wish(&shop, second), &policy), [], "nothing to look up yet");
        assert!(account.take(&wish(&shop, second), &[], &policy).is_ok());
    }
    let fourth = wish(&shop, 70);
    assert_eq!(account.open(&fourth, &policy).len(), 3);
    assert_eq!(account.clone().take(&fourth, &[], &policy), Err(Limit::Pending));
    let answered = wish(&shop, 1).request;
    assert_eq!(account.clone().take(&fourth, &[answered], &policy), Ok(Loudness::Push));
    assert_eq!(account.clone().take(&wish(&shop, 119), &[], &policy), Err(Limit::Pending));
    assert_eq!(account.take(&wish(&shop, 120), &[], &policy), Ok(Loudness::Push));
}

#[test]
fn the_eleventh_prompt_of_all_clients_in_a_minute_is_quiet_and_not_refused() {
    let mut account = account();
    for n in 0..10 {
        assert_eq!(taken(&mut account, &client(n % 3), 0), Ok(Loudness::Push), "{n}");
    }
    assert_eq!(taken(&mut account, &client(9), 59), Ok(Loudness::Quiet));
    assert_eq!(taken(&mut account, &client(9), 60), Ok(Loudness::Push));
}

#[test]
fn the_sixty_first_prompt_of_all_clients_in_an_hour_is_quiet() {
    let mut account = account();
    for n in 0..60 {
        assert_eq!(
            taken(&mut account, &client(n % 3), i64::try_from(n).expect("small") * 58),
            Ok(Loudness::Push),
            "{n}"
        );
    }
    assert_eq!(taken(&mut account, &client(9), 3599), Ok(Loudness::Quiet));
    assert_eq!(taken(&mut account, &client(9), 3600 + 58), Ok(Loudness::Push));
}

#[test]
fn a_third_refusal_within_ten_minutes_cools_the_client_down_for_fifteen() {
    let (mut account, policy) = (account(), Policy::default());
    assert_eq!(account.refused(&client(1), &policy, at(0)), None);
    assert_eq!(account.refused(&client(1), &policy, at(1)), None);
    // The first is ten minutes old.
    assert_eq!(account.refused(&client(1), &policy, at(600)), None);
    assert_eq!(account.refused(&client(1), &policy, at(600)), Some(at(1500)));
    assert_eq!(taken(&mut account, &client(1), 1499), Err(Limit::CoolDown));
    assert_eq!(taken(&mut account, &client(2), 1499), Ok(Loudness::Push), "another client");
    assert_eq!(taken(&mut account, &client(1), 1500), Ok(Loudness::Push));
    assert_eq!(account.refused(&client(1), &policy, at(1500)), None, "it is counted anew");
}

#[test]
fn a_block_holds_until_its_end_or_for_ever_and_only_a_code_passes() {
    let block = |until| Block { client: id(1), device: DeviceId::from_bytes([1; 16]), at: at(0), until };
    for (until, later) in [(Some(at(900)), Ok(Loudness::Push)), (None, Err(Limit::Blocked))] {
        let mut account = account();
        account.own.blocks.push(block(until));
        assert_eq!(taken(&mut account, &client(1), 899), Err(Limit::Blocked));
        assert_eq!(taken(&mut account, &client(2), 899), Ok(Loudness::Push));
        let shop = client(1);
        let with_code = Wish { has_code: true, ..wish(&shop, 899) };
        assert_eq!(account.clone().take(&with_code, &[], &Policy::default()), Ok(Loudness::Push));
        let unlimited = Policy { prompt_limits: false, ..Policy::default() };
        assert_eq!(account.clone().take(&wish(&client(1), 899), &[], &unlimited), Err(Limit::Blocked));
        assert_eq!(taken(&mut account, &client(1), 900), later);
    }
}

#[test]
fn a_client_beyond_the_sixth_has_a_record_of_its_own_and_the_same_limits() {
    let mut account = account();
    assert!((1..=MOST_SHARES).all(|n| taken(&mut account, &client(n), 0).is_ok()));
    assert!(!account.own.may_stand_apart(&client(7), at(0)));
    assert!((0..5).all(|second| taken(&mut account, &client(7), second).is_ok()));
    assert_eq!(account.own.shares.len(), MOST_SHARES);
    assert!(account.own.may_stand_apart(&client(7), at(5)));
    assert!(!account.own.may_stand_apart(&client(1), at(5)), "its share is here");
    assert_eq!(taken(&mut account, &client(7), 5), Err(Limit::PerMinute));
    // While the others are forgotten it stays where it is: never two shares.
    assert_eq!(taken(&mut account, &client(7), 3602), Ok(Loudness::Push));
    assert!(account.own.may_stand_apart(&client(7), at(3602)));
    let mut later = Account { apart: None, ..account };
    assert!(taken(&mut later, &client(8), 10_000).is_ok());
    assert_eq!(later.own.shares.len(), 1, "what is past was dropped");
    assert_eq!(later.apart, None);
}

#[test]
fn what_no_longer_matters_is_forgotten_and_a_lasting_block_never() {
    let mut account = account();
    assert!(taken(&mut account, &client(1), 0).is_ok());
    assert_eq!(account.own.forget_at(), Some(at(3600)));
    account.own.blocks.push(Block { client: id(1), device: DeviceId::from_bytes([1; 16]), at: at(0), until: None });
    assert_eq!(account.own.forget_at(), None);
}

#[test]
fn a_clock_that_was_set_back_locks_nobody_out_and_another_nodes_clock_lets_nobody_in() {
    let mut account = account();
    assert!((100_000..100_005).all(|second| taken(&mut account, &client(1), second).is_ok()));
    assert_eq!(taken(&mut account, &client(1), 0), Ok(Loudness::Push), "a day earlier");
    account.own = Attention::of(Subject::new("1001"), None);
    assert!((0..5).all(|second| taken(&mut account, &client(1), second).is_ok()));
    assert_eq!(taken(&mut account, &client(1), -5), Err(Limit::PerMinute), "five seconds behind");
}

#[test]
fn the_largest_record_that_settings_allow_fits_into_a_store() {
    let most = |name: &str| {
        let rule = crate::domain::policy::RULES.iter().find(|rule| rule.name == name).expect("a rule");
        number(rule.bounds.expect("bounds").1)
    };
    let times = |count: usize| Times::from(vec![3_600_000; count]);
    let long = |n: usize| ClientId::new(format!("{n:0>255}"));
    let share = |n| Share {
        client: Counted::alone(long(n)),
        prompts: times(most("client_prompts_per_hour")),
        open: vec![(RequestKey::of("x"), at(0)); most("client_prompts_pending")],
        refusals: times(most("refusals_before_cool_down")),
        cool_until: Some(at(0)),
    };
    let block = |n| Block { client: long(n), device: DeviceId::from_bytes([1; 16]), at: at(0), until: Some(at(0)) };
    let largest = Attention {
        prompts: times(most("user_prompts_per_hour")),
        shares: (0..MOST_SHARES).map(share).collect(),
        blocks: (0..MOST_BLOCKS).map(block).collect(),
        apart_until: Some(at(0)),
        ..Attention::of(Subject::new("s".repeat(255)), None)
    };
    let json = serde_json::to_string(&largest).expect("plain data");
    assert!(json.len() <= 16 * 1024 - 29, "{} bytes", json.len());
    assert_eq!(serde_json::from_str::<Attention>(&json).expect("it is read"), largest);
}

#[test]
fn clients_that_registered_themselves_and_nobody_confirmed_are_counted_as_one() {
    let secret = crate::domain::secret::SecretHash::of(&crate::domain::secret::Secret::new("a secret".to_owned()));
    let operators = |n, verified| {
        let secret = crate::domain::client::ClientSecret::Hashed(secret.clone());
        Client { verified, ..Client::new(id(n), "Example".to_owned(), secret) }
    };
    let itself = |n, verified| Client {
        registration: Some(crate::domain::registration::SelfRegistered {
            token: secret.clone(),
            issued_at: at(0),
            statement: None,
            software: None,
        }),
        ..operators(n, verified)
    };
    assert_eq!(Counted::of(&itself(1, false)), Counted::of(&itself(2, false)));
    assert_eq!(Counted::of(&itself(1, false).gone(Some(at(1)))), Counted::of(&itself(2, false)), "removed since");
    for alone in [itself(1, true), operators(1, true), operators(1, false)] {
        assert_eq!(Counted::of(&alone), client(1));
    }
    assert!(Counted::of(&itself(1, false)).as_str().contains(' '), "the id of no client");
}

//! Settings: layers, checks and what is said when one is wrong.

use shoal_service::{Settings, Sources, config};

use super::toy::{Material, Toy, ToyConfig};

fn load(sources: &Sources) -> Result<Settings<ToyConfig>, String> {
    Settings::load::<Toy>(sources).map_err(|fault| fault.to_string())
}

fn file(text: &str) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toy.toml");
    std::fs::write(&path, text).unwrap();
    (folder, Sources::defaults().file(path))
}

#[test]
fn no_settings_at_all_are_enough() {
    let settings = load(&Sources::defaults()).unwrap();
    assert_eq!(settings.module.count, 3);
    assert_eq!(settings.chassis.listen.to_string(), "127.0.0.1:0");
    assert_eq!(settings.chassis.database.url, "sqlite:.shoal");
}

#[test]
fn stronger_layers_win_key_by_key() {
    let (_folder, sources) = file(
        "count = 4\nlabel = \"from the file\"\ndata_dir = \"/srv/toy\"\n\
         [wheels]\nmaterial = \"rubber\"\nradius_mm = 30\n[http]\nmax_streams = 7\n",
    );
    let sources = sources
        .variable("SHOAL_TOY__COUNT", "5")
        .variable("SHOAL_TOY__WHEELS__RADIUS_MM", "40")
        .variable("SHOAL_OTHER__COUNT", "nonsense")
        .set("count", 6, "option --count");
    let settings = load(&sources).unwrap();
    assert_eq!(settings.module.count, 6);
    assert_eq!(settings.module.label, "from the file");
    assert_eq!(settings.module.wheels.radius_mm, 40);
    assert_eq!(settings.module.wheels.material, Material::Rubber);
    assert_eq!(settings.chassis.http.max_streams, 7);
    assert_eq!(settings.chassis.database.url, "sqlite:/srv/toy");
}

#[test]
fn a_text_stays_a_text_even_when_it_looks_like_something_else() {
    let sources = Sources::defaults()
        .variable("SHOAL_TOY__LABEL", "0123")
        .variable("SHOAL_TOY__MESH_SECRET", "true")
        .variable("SHOAL_TOY__WHEELS__MATERIAL", "rubber");
    let settings = load(&sources).unwrap();
    assert_eq!(settings.module.label, "0123");
    assert_eq!(settings.chassis.mesh_secret, "true");
    assert_eq!(settings.module.wheels.material, Material::Rubber);
}

#[test]
fn a_wrong_type_names_key_origin_and_what_is_allowed() {
    let fault = load(&Sources::defaults().variable("SHOAL_TOY__HTTP__MAX_STREAMS", "many"));
    assert_eq!(
        fault.unwrap_err(),
        "the setting `http.max_streams` from environment variable SHOAL_TOY__HTTP__MAX_STREAMS \
         cannot be used: \"many\" is a text; allowed is an integer from 1 to 100000."
    );
}

#[test]
fn a_value_out_of_range_names_the_range_and_the_file() {
    let (folder, sources) = file("count = 12\n");
    let path = folder.path().join("toy.toml");
    assert_eq!(
        load(&sources).unwrap_err(),
        format!(
            "the setting `count` from file {} cannot be used: 12 is too large; allowed is an \
             integer from 1 to 9.",
            path.display()
        )
    );
}

#[test]
fn an_unknown_word_lists_the_known_ones() {
    let fault = load(&Sources::defaults().set("wheels.material", "steel", "option --material"));
    assert_eq!(
        fault.unwrap_err(),
        "the setting `wheels.material` from option --material cannot be used: \"steel\" is not \
         known; allowed is one of wood, rubber."
    );
}

#[test]
fn an_unknown_key_is_refused_wherever_it_stands() {
    let fault = load(&Sources::defaults().variable("SHOAL_TOY__WHEELS__RADIUS", "3"));
    assert_eq!(
        fault.unwrap_err(),
        "the setting `wheels.radius` from environment variable SHOAL_TOY__WHEELS__RADIUS cannot \
         be used: there is no such setting; allowed is one of material, radius_mm."
    );
    let (_folder, sources) = file("colour = \"red\"\n");
    let text = load(&sources).unwrap_err();
    assert!(
        text.starts_with("the setting `colour` from file "),
        "{text}"
    );
    assert!(text.contains("one of ") && text.contains("count"), "{text}");
}

#[test]
fn a_broken_or_missing_file_is_one_sentence() {
    let (_folder, sources) = file("count = = 3\n");
    let text = load(&sources).unwrap_err();
    assert!(text.contains("toy.toml") && !text.contains('\n'), "{text}");
    let text = load(&Sources::defaults().file("/nowhere/toy.toml")).unwrap_err();
    assert_eq!(
        text,
        "the settings from option --config cannot be used: there is no file /nowhere/toy.toml."
    );
}

#[test]
fn rules_between_settings_are_checked_too() {
    let fault = load(&Sources::defaults().set("http.request_timeout_ms", 90_000, "option --x"));
    let text = fault.unwrap_err();
    assert!(
        text.contains("`http.request_timeout_ms`") && text.contains("60000"),
        "{text}"
    );
    let fault = load(&Sources::defaults().variable("SHOAL_TOY__LABEL", "forbidden"));
    let text = fault.unwrap_err();
    assert!(
        text.contains("SHOAL_TOY__LABEL") && text.contains("is taken"),
        "{text}"
    );
    let fault = load(&Sources::defaults().set("bus.redis_url", "http://x", "option --redis-url"));
    assert!(fault.unwrap_err().contains("redis://"));
}

#[test]
fn an_instance_that_registers_must_say_where_it_can_be_called() {
    let with = |listen: &str, endpoint: &str| {
        Sources::defaults()
            .set("listen", listen, "option --listen")
            .set("discovery.etcd.endpoints", vec![endpoint], "option --etcd")
    };
    let member = "http://127.0.0.1:2379";
    let text = load(&with("0.0.0.0:8080", member)).unwrap_err();
    assert!(text.contains("`instance.advertise`"), "{text}");
    let named = with("0.0.0.0:8080", member).set("instance.advertise", "h:1", "option --x");
    assert!(load(&named).is_ok());
    assert!(load(&with("127.0.0.1:8080", member)).is_ok());
    for bad in [
        "127.0.0.1:2379",
        "https://h:2379",
        "http://h",
        "http://u@h:1",
    ] {
        let text = load(&with("127.0.0.1:8080", bad)).unwrap_err();
        assert!(text.contains("discovery.etcd.endpoints"), "{text}");
    }
}

#[test]
fn every_setting_of_schema_and_reference_is_documented() {
    let schema = config::schema::<Toy>();
    let label = &schema["properties"]["label"]["description"];
    assert_eq!(
        label,
        "What it is called; text even when it looks like a number."
    );
    assert_eq!(schema["additionalProperties"], false);
    let reference = config::reference::<Toy>();
    assert!(reference.contains(
        "| `wheels.radius_mm` | an integer of at least 0 | `20` | `SHOAL_TOY__WHEELS__RADIUS_MM` \
         | Radius in millimetres. |"
    ));
    let undocumented: Vec<_> = reference
        .lines()
        .filter(|line| line.ends_with("|  |"))
        .collect();
    assert!(undocumented.is_empty(), "{undocumented:#?}");
}

#[test]
fn an_instance_names_its_colour_and_a_word_that_is_none_is_refused() {
    let stable = load(&Sources::defaults()).unwrap();
    assert_eq!(stable.chassis.instance.colour(), None);
    let (_folder, sources) = file("[instance.labels]\ngray = \"v2\"\nzone = \"b\"\n");
    let settings = load(&sources).unwrap();
    assert_eq!(settings.chassis.instance.colour(), Some("v2"));
    assert_eq!(settings.chassis.instance.labels["zone"], "b");
    for bad in ["stable", "V2", ""] {
        let sources = Sources::defaults().set("instance.labels.gray", bad, "the test");
        let fault = load(&sources).unwrap_err();
        assert!(fault.contains("instance.labels.gray"), "{fault}");
    }
}

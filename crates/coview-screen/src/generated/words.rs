//! What is written on the page.

pub(super) const SENTENCES: [&str; 34] = [
    "The mast carries wind, rain and light sensors, and one cable brings power and data indoors.",
    "Every station is calibrated against a *reference thermometer* before it is packed.",
    "Readings arrive every ten seconds; the display shows the last hour at a glance.",
    "If the connection is lost, up to nine days are kept on the station and sent later.",
    "Place the sensor two metres above short grass, away from walls that store the heat.",
    "The rain gauge tips at *0.2 mm* and empties itself, so there is nothing to pour out.",
    "You can read everything over the local network, without an account and without a cloud.",
    "See [mounting on a roof] for the bracket that fits poles from 28 to 45 mm.",
    "A small fan draws air past the thermometer, or the sun would add two degrees at noon.",
    "The barometer is corrected to sea level once you enter the height of your garden.",
    "Wind is measured at four samples a second and reported as mean, gust and direction.",
    "Frost warnings look at the dew point and the cloud cover rather than at air alone.",
    "The battery lasts about three winters; the solar panel keeps it warm and charged.",
    "Spare parts are listed in the [service guide] and can be ordered one by one.",
    "Schools use the kit for a year of lessons; there is a booklet with *twelve* experiments.",
    "It speaks plain HTTP and MQTT, and a [library for Rust] does the talking for you.",
    "Our repair shop answers within two working days, and shipping it back costs nothing.",
    "A firmware update takes forty seconds and never changes a setting behind your back.",
    "Compare two stations side by side to see how much cooler the shaded slope is.",
    "The log is a simple table: time, value, quality. Any spreadsheet opens it.",
    "Clean the louvres once a year with warm water and a brush; do not oil the vane.",
    "Snow on the panel slides off at *forty degrees*, so mount it a little steeper.",
    "Most readers ask about lightning: the surge protector is part of the mast cable.",
    "For gardens with tall trees there is a [longer mast] in three pieces.",
    "Soil moisture is measured at 10, 30 and 60 cm, which shows how deep a shower went.",
    "The forecast on the display uses the pressure of the last six hours and the season.",
    "All screws are stainless and of the same size; the key for them is in the lid.",
    "We publish every measurement of our own roof, also those that look wrong.",
    "A quiet evening in autumn is the best time to check the zero of the wind sensor.",
    "The first rain after a dry month washes dust into the gauge; rinse the sieve then.",
    "You choose who sees your station: nobody, your neighbours, or the [open map].",
    "Values that cannot be true are marked, never dropped, so that you can look for the cause.",
    "In fog the humidity sensor stays at one hundred; it dries by itself within minutes.",
    "The booklet explains each instrument with a drawing and a page of history.",
];

pub(super) const HEADINGS: [&str; 10] = [
    "What the sky tells you",
    "Setting up in an afternoon",
    "Reading rain properly",
    "Wind, gusts and the vane",
    "From the garden to the map",
    "Winter notes",
    "How we calibrate",
    "A year on the roof",
    "Power and batteries",
    "Looking after the station",
];

pub(super) const PLACES: [&str; 12] = [
    "Lake in the morning",
    "North ridge",
    "After the storm",
    "First snow",
    "Above the fog",
    "Old vineyard",
    "Quiet bay",
    "Harvest week",
    "The long valley",
    "Moor road",
    "Spring thaw",
    "Evening on the dunes",
];

pub(super) const PEOPLE: [&str; 10] = [
    "Ines Kaltenbach",
    "Tomas Riedl",
    "Aoife Brennan",
    "Jonas Wettergren",
    "Marta Olsen",
    "Piotr Zawadzki",
    "Clara Fontaine",
    "Henrik Dahl",
    "Yuki Tanabe",
    "Samuel Okoro",
];

pub(super) const PARTS: [(&str, &str); 10] = [
    ("WS-3 weather station", "189.00"),
    ("Mast, 2 m, three pieces", "34.50"),
    ("Soil probe, 60 cm", "42.00"),
    ("Spare rain sieve", "4.90"),
    ("Roof bracket 28-45 mm", "27.00"),
    ("Solar panel, 6 W", "39.00"),
    ("Indoor display", "79.00"),
    ("Mast cable, 15 m", "18.50"),
    ("Calibration sheet", "12.00"),
    ("Twelve experiments, book", "16.80"),
];

pub(super) const FACTS: [(&str, &str); 12] = [
    ("Temperature", "-40 to +60 °C, ±0.1 °C"),
    ("Humidity", "0 to 100 %, ±1.5 %"),
    ("Pressure", "300 to 1100 hPa, ±0.3 hPa"),
    ("Wind speed", "0.3 to 60 m/s, ±2 %"),
    ("Wind direction", "360°, 1° steps"),
    ("Rain", "0.2 mm per tip"),
    ("Light", "0 to 120 klx"),
    ("Reporting", "every 10 s"),
    ("Storage", "9 days"),
    ("Power", "solar, 6 W, and battery"),
    ("Network", "868 MHz to the display, Wi-Fi"),
    ("Weight", "2.4 kg with the mast"),
];

pub(super) const QUESTIONS: [(&str, &str); 6] = [
    (
        "Does it work without the internet?",
        "Yes. The display and your own programs read it over the local network.",
    ),
    (
        "How far may the display be away?",
        "Up to 120 m in the open, two thick walls indoors. A repeater doubles that.",
    ),
    ("Can I add a second sensor?", "Up to eight, each with a name and a place of its own."),
    (
        "What if lightning strikes nearby?",
        "The mast cable has a surge protector. It is a part you can change.",
    ),
    ("Do you ship abroad?", "To 31 countries. Delivery takes two to six working days."),
    ("How long will there be parts?", "At least ten years after the last one is sold."),
];

pub(super) const LISTINGS: [(&str, &str, &[&str]); 3] = [
    (
        "Read it from Rust",
        "src/main.rs",
        &[
            "use station::{Reading, Station};",
            "",
            "/// Prints the weather whenever it changes.",
            "fn main() -> Result<(), station::Error> {",
            "    let mut garden = Station::find(\"ws3.local\")?;",
            "    let mut warmest = f32::MIN;",
            "    loop {",
            "        let Reading { celsius, rain_mm, wind, .. } = garden.next()?;",
            "        warmest = warmest.max(celsius);",
            "        println!(\"{celsius:>5.1} C   {rain_mm:.1} mm   {wind}\");",
            "        if celsius < 2.0 && wind.is_calm() {",
            "            garden.warn(\"Frost tonight: cover the beds\")?; // once a night",
            "        }",
            "    }",
            "}",
        ],
    ),
    (
        "Keep a log",
        "log.rs",
        &[
            "// One file for each day, one line for each reading.",
            "let path = format!(\"log/{}.csv\", today);",
            "let mut file = File::options().append(true).create(true).open(path)?;",
            "for reading in garden.since(last_seen)? {",
            "    let quality = match reading.quality {",
            "        Quality::Good => \"good\",",
            "        Quality::Doubtful => \"doubtful\",",
            "    };",
            "    writeln!(file, \"{};{};{quality}\", reading.time, reading.celsius)?;",
            "    last_seen = reading.time;",
            "}",
        ],
    ),
    (
        "Settings",
        "station.toml",
        &[
            "[station]",
            "name = \"garden\"            # shown on the map",
            "height = 412               # metres above the sea",
            "report = 10                # seconds",
            "",
            "[rain]",
            "tip = 0.2                  # millimetres",
            "heated = false",
            "",
            "[[warn]]",
            "when = \"dew_point < 1.0\"",
            "text = \"Frost tonight: cover the beds\"",
        ],
    ),
];

/// What the visitor types into the message field.
pub(super) const MESSAGE: &str = "Hello, please leave the parcel with the neighbours in number 14 \
if nobody opens. The roof bracket should fit a pole of 38 mm, is that right? Thank you! ";

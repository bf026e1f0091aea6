//! The generator by itself, on the model alone.

use tandem_core::types::Seq;
use tandem_sim::coverage::Coverage;
use tandem_sim::generate::{Generator, Input};
use tandem_sim::model::Model;

#[test]
fn model_keeps_its_own_invariants_on_what_the_generator_draws() {
    let mut total = Coverage::default();
    let mut poor = 0;
    for seed in 0..100 {
        let mut coverage = Coverage::default();
        let (mut generator, mut model) = (Generator::new(seed), Model::new());
        for seq in 1..=2000 {
            let step = generator.next(&model);
            let events = match &step.input {
                Input::Command(origin, command) => model.apply(Seq(seq), step.time, *origin, command),
                Input::Garbage(_) => model.apply_garbage(step.time),
            };
            coverage.observe(&step, &events);
            model.check_funds().unwrap();
            model.check_locks().unwrap();
        }
        poor += u64::from(coverage.accepted_percent() < 60);
        if coverage.accepted_percent() < 60 {
            println!("seed {seed}: {} % of {} orders", coverage.accepted_percent(), coverage.orders);
        }
        total.add(&coverage);
    }
    println!("{total}\nmissing: {:#?}\npoor seeds: {poor}", total.missing());
}

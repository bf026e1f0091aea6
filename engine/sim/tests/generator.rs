//! The model by itself keeps funds and locks right on whatever the generator draws.
#![allow(clippy::unwrap_used, clippy::panic)] // a test says so by stopping

use tandem_core::types::Seq;
use tandem_sim::generate::Generator;
use tandem_sim::model::Model;

#[test]
fn model_keeps_its_own_invariants() {
    for seed in 0..40 {
        let (mut generator, mut model) = (Generator::new(seed), Model::new());
        for seq in 1..=1_000 {
            let step = generator.next(&model);
            model.apply_step(Seq(seq), &step);
            model.check_funds().unwrap();
            model.check_locks().unwrap();
        }
    }
}

#[test]
fn equal_seeds_give_equal_streams() {
    assert_eq!(tandem_sim::shrink::steps(7, 2_000), tandem_sim::shrink::steps(7, 2_000));
}

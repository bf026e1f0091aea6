//! CancelReplace: a cancel and a new order in one step.

use crate::broken::Broken;
use crate::checks::{Judge, Occasion, Ready, Size};
use crate::command::CancelReplace;
use crate::core::{Core, Stop};
use crate::event::{Event, Half};
use crate::floor::End;
use crate::reject::RejectCode;
use crate::types::{Feature, ReplaceMode, SelfTradePrevention};

impl Core {
    pub(crate) fn cancel_replace(&mut self, replace: &CancelReplace, events: &mut Vec<Event>) -> Result<(), Stop> {
        let (cancel, order) = (&replace.cancel, &replace.order);
        let (mode, size) = self.judge_replacement(replace)?;
        let canceled = self.judge_cancel(cancel);
        let first = events.len();
        let half = canceled.map_or_else(Half::Failed, |_| Half::Done);
        events.push(Event::CancelReplaced { cancel: half, order: Half::NotAttempted });
        if canceled.is_err() && replace.mode == ReplaceMode::StopOnFailure {
            return Ok(());
        }
        if let Ok(place) = canceled {
            let end = End::canceled(cancel.new_client_order_id);
            self.floor(cancel.market, events)?.end_order(place, end)?;
        }
        let ready = self.judge_after_cancel(replace, mode, size, canceled.is_ok());
        let said = events.get_mut(first).ok_or(Broken::OrderState)?;
        *said = Event::CancelReplaced { cancel: half, order: ready.map_or_else(Half::Failed, |_| Half::Done) };
        if let Ok(ready) = ready {
            self.accept(order, &ready, events)?;
        }
        Ok(())
    }

    /// What comes before the cancel is judged: a reject here is the command's.
    fn judge_replacement(&self, replace: &CancelReplace) -> Result<(SelfTradePrevention, Size), RejectCode> {
        let (cancel, order) = (&replace.cancel, &replace.order);
        let judge = self.judge_of(order, Occasion::placed(order.kind))?;
        if cancel.account != order.account || cancel.market != order.market {
            return Err(RejectCode::OrderFieldsInvalid);
        }
        if !judge.market.has(Feature::CancelReplace) {
            return Err(RejectCode::CancelReplaceNotSupported);
        }
        let mode = judge.form()?;
        Ok((mode, judge.size()?))
    }

    /// Group B, with what the cancel gave back; what the book and the counts say is asked again after a cancel.
    fn judge_after_cancel(
        &self,
        replace: &CancelReplace,
        mode: SelfTradePrevention,
        before: Size,
        is_canceled: bool,
    ) -> Result<Ready, RejectCode> {
        let order = &replace.order;
        let judge: Judge<'_> = self.judge_of(order, Occasion::placed(order.kind))?;
        let size = if is_canceled { judge.size()? } else { before };
        judge.name()?;
        judge.rest(mode, size)
    }
}

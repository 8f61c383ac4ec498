//! Whether a drawn line lets in whom its draw has frozen, and nobody else by it. Pure.

use serde::Serialize;

/// What is known of a room's draw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DrawState {
    pub room: String,
    /// Where the draw froze each lane; absent while entries are open, or nobody is drawn.
    pub frozen: Option<Vec<i64>>,
    /// By which ends the room's gate lets in.
    pub of_gate: Option<Vec<i64>>,
    /// Whether the draw was made, and everybody told.
    pub is_made: bool,
    /// Where each lane ends now.
    pub ends: Vec<i64>,
}

impl DrawState {
    /// Whether the gate lets in by this draw once it is made, and by none before; and whether all
    /// who were drawn are in the line.
    pub fn is_as_frozen(&self) -> bool {
        let wanted = self.frozen.as_ref().filter(|_| self.is_made);
        let is_there = |frozen: &Vec<i64>| {
            frozen.len() <= self.ends.len()
                && frozen.iter().zip(&self.ends).all(|(at, end)| at <= end)
        };
        self.of_gate.as_ref() == wanted && self.frozen.as_ref().is_none_or(is_there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_that_lets_in_by_another_draw_is_found() {
        let made = DrawState {
            room: "r".to_owned(),
            frozen: Some(vec![4, 2]),
            of_gate: Some(vec![4, 2]),
            is_made: true,
            ends: vec![4, 5],
        };
        assert!(made.is_as_frozen() && DrawState::default().is_as_frozen());
        let frozen = DrawState { of_gate: None, is_made: false, ..made.clone() };
        assert!(frozen.is_as_frozen(), "entries are closed, and nothing else");
        for wrong in [
            DrawState { of_gate: Some(vec![4, 3]), ..made.clone() },
            DrawState { of_gate: None, ..made.clone() },
            DrawState { is_made: false, ..made.clone() },
            DrawState { frozen: None, ..made.clone() },
            DrawState { ends: vec![3, 5], ..made.clone() },
            DrawState { ends: vec![4], ..made.clone() },
        ] {
            assert!(!wrong.is_as_frozen(), "{wrong:?}");
        }
    }
}

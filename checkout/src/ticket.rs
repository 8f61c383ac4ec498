//! Tickets: their codes and their numbers. Pure.

use catalog::contract::TicketTypeId;

/// Crockford's base 32: no I, L, O or U, which are easily misread.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 128 bits in 5-bit digits.
const DIGITS: u32 = 26;

/// A ticket about to be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketDraft {
    pub code: String,
    /// 1, 2, … within the order.
    pub number: i32,
    pub ticket_type: TicketTypeId,
}

/// Drafts the tickets of an order: exactly `quantity` for each `(ticket_type, quantity)`, numbered
/// through. `random` gives 128 unguessable bits a call.
pub fn drafts(lines: &[(TicketTypeId, i32)], mut random: impl FnMut() -> u128) -> Vec<TicketDraft> {
    let types = lines.iter().flat_map(|(ticket_type, quantity)| {
        std::iter::repeat_n(*ticket_type, usize::try_from(*quantity).unwrap_or_default())
    });
    types
        .zip(1..)
        .map(|(ticket_type, number)| TicketDraft { code: code(random()), number, ticket_type })
        .collect()
}

/// The code of 128 bits: 26 characters.
pub fn code(bits: u128) -> String {
    (0..DIGITS)
        .rev()
        .map(|digit| char::from(ALPHABET[(bits >> (5 * digit)) as usize & 31]))
        .collect()
}

/// A code as people read it: groups of five, the last of six, on two lines.
pub fn grouped(code: &str) -> [String; 2] {
    let mut lines = [String::new(), String::new()];
    for (index, character) in code.chars().enumerate() {
        let line = &mut lines[usize::from(index >= 15)];
        if index % 5 == 0 && index < 25 && !line.is_empty() {
            line.push(' ');
        }
        line.push(character);
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn codes_keep_every_bit() {
        assert_eq!(code(0), "00000000000000000000000000");
        assert_eq!(code(u128::MAX), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        assert_eq!(code(31), "0000000000000000000000000Z");
        assert_ne!(code(1 << 127), code(0));
    }

    #[test]
    fn an_order_gets_exactly_its_tickets_with_codes_of_their_own() {
        let (seat, standing) = (Uuid::from_u128(1).into(), Uuid::from_u128(2).into());
        let drafts = drafts(&[(seat, 3), (standing, 2)], rand::random);
        assert_eq!(drafts.iter().map(|draft| draft.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(drafts.iter().filter(|draft| draft.ticket_type == seat).count(), 3);
        assert_eq!(drafts.iter().map(|draft| &draft.code).collect::<HashSet<_>>().len(), 5);
    }

    #[test]
    fn ten_thousand_codes_are_all_different() {
        let codes: HashSet<_> = drafts(&[(Uuid::nil().into(), 10_000)], rand::random)
            .into_iter()
            .map(|draft| draft.code)
            .collect();
        assert_eq!(codes.len(), 10_000);
        assert!(
            codes
                .iter()
                .all(|code| code.len() == 26 && code.bytes().all(|byte| ALPHABET.contains(&byte)))
        );
    }

    #[test]
    fn codes_are_grouped_for_reading() {
        assert_eq!(grouped("7ZZZZABCDE12345FGHJKVWXYZ9"), ["7ZZZZ ABCDE 12345", "FGHJK VWXYZ9"]);
    }
}

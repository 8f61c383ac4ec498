//! The scripts that let fans straight into rooms that sleep.

use redis::Script;

/// The scripts about direct places.
#[derive(Clone)]
pub struct DirectScripts {
    pub direct: Script,
    pub activate: Script,
    pub give_back: Script,
    pub woken: Script,
}

impl DirectScripts {
    pub fn new(script: impl Fn(&str) -> Script) -> Self {
        Self {
            direct: script(include_str!("../scripts/direct.lua")),
            activate: script(include_str!("../scripts/activate_direct.lua")),
            give_back: script(include_str!("../scripts/give_back_direct.lua")),
            woken: script(include_str!("../scripts/woken.lua")),
        }
    }
}

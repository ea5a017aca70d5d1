//! Rust source as the rules see it: code without the insides of comments and literals.
//!
//! A scanner of a hundred lines, no parser. It must not know any rule.

/// A Rust file taken apart.
pub struct Source {
    /// The text with comments and the insides of literals blanked; lines stay where they are.
    pub code: String,
    /// Each string literal with the line it starts on, from 1.
    pub strings: Vec<(usize, String)>,
    /// Each comment with the line it starts on, from 1.
    pub comments: Vec<(usize, String)>,
}

/// A function of a file.
pub struct Function {
    pub name: String,
    /// From 1.
    pub line: usize,
    /// From the line with `fn` to the one with the closing brace.
    pub lines: usize,
}

impl Source {
    pub fn of(text: &str) -> Self {
        let mut scan = Scan { chars: text.chars().collect(), at: 0, line: 1, code: String::new() };
        let (mut strings, mut comments) = (Vec::new(), Vec::new());
        while let Some(next) = scan.peek(0) {
            let line = scan.line;
            match next {
                '/' if scan.peek(1) == Some('/') => comments.push((line, scan.line_comment())),
                '/' if scan.peek(1) == Some('*') => comments.push((line, scan.block_comment())),
                '"' => strings.push((line, scan.string())),
                'r' | 'b' | 'c' if scan.starts_literal() => {
                    if let Some(hashes) = scan.raw_prefix() {
                        strings.push((line, scan.raw_string(hashes)));
                    } else {
                        scan.copy();
                    }
                }
                '\'' if scan.is_character() => scan.character(),
                _ => scan.copy(),
            }
        }
        Self { code: scan.code, strings, comments }
    }

    /// The code before the file's own tests.
    pub fn production(&self) -> &str {
        let starts = self.code.match_indices("#[cfg(test)]").map(|(at, _)| at);
        let own = starts.into_iter().find(|at| guarded(&self.code[*at..]).ends_with('{'));
        own.map_or(self.code.as_str(), |at| &self.code[..at])
    }

    /// Every identifier of the code with its line, from 1.
    pub fn identifiers(code: &str) -> Vec<(usize, &str)> {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let of_line = |(at, line)| {
            let words = str::split(line, move |c| !is_word(c));
            words.filter(|word| !word.is_empty()).map(move |word| (at + 1, word))
        };
        code.lines().enumerate().flat_map(of_line).collect()
    }

    /// The functions with a body, by counting braces.
    pub fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices("fn ") {
            let before = self.code[..at].chars().next_back();
            let name: String = self.code[at + 3..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
                .collect();
            if name.is_empty() || before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            if let Some(end) = end_of_body(&self.code[at..]) {
                let line = self.code[..at].matches('\n').count() + 1;
                let lines = self.code[at..at + end].matches('\n').count() + 1;
                found.push(Function { name, line, lines });
            }
        }
        found
    }
}

/// The line that the attribute at the front of `code` guards.
pub fn guarded(code: &str) -> &str {
    code.lines().map(str::trim).find(|line| !line.starts_with("#[")).unwrap_or("")
}

/// Where the body ends that starts after the signature at the front of `code`; None without one.
fn end_of_body(code: &str) -> Option<usize> {
    let (mut nested, mut depth) = (0_i32, 0_i32);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => nested += 1,
            ')' | ']' => nested -= 1,
            ';' if nested == 0 && depth == 0 => return None,
            '{' => depth += 1,
            '}' if depth == 1 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

struct Scan {
    chars: Vec<char>,
    at: usize,
    line: usize,
    code: String,
}

impl Scan {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn copy(&mut self) {
        if let Some(c) = self.take() {
            self.code.push(c);
        }
    }

    fn blank(&mut self) -> Option<char> {
        let c = self.take()?;
        self.code.push(if c == '\n' { '\n' } else { ' ' });
        Some(c)
    }

    fn line_comment(&mut self) -> String {
        let mut text = String::new();
        while self.peek(0).is_some_and(|c| c != '\n') {
            text.extend(self.blank());
        }
        text
    }

    fn block_comment(&mut self) -> String {
        let (mut text, mut depth) = (String::new(), 0);
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (None, _) => return text,
                _ => {
                    text.extend(self.blank());
                    continue;
                }
            }
            text.extend(self.blank());
            text.extend(self.blank());
            if depth == 0 {
                return text;
            }
        }
    }

    fn string(&mut self) -> String {
        self.copy();
        let mut text = String::new();
        while let Some(c) = self.peek(0) {
            if c == '"' {
                break;
            }
            text.extend(self.blank());
            if c == '\\' {
                text.extend(self.blank());
            }
        }
        self.copy();
        text
    }

    /// Whether what stands here is not the middle of a word.
    fn starts_literal(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.chars.get(at));
        before.is_none_or(|c| !c.is_alphanumeric() && *c != '_')
    }

    /// The number of hashes, where `r`, `br` or `cr` starts a raw string here.
    fn raw_prefix(&self) -> Option<usize> {
        let start = if self.peek(0) == Some('r') { 1 } else { 2 };
        if start == 2 && self.peek(1) != Some('r') {
            return None;
        }
        let rest = self.chars.get(self.at + start..).unwrap_or_default();
        let hashes = rest.iter().take_while(|c| **c == '#').count();
        (self.peek(start + hashes) == Some('"')).then_some(hashes)
    }

    fn raw_string(&mut self, hashes: usize) -> String {
        while self.peek(0).is_some_and(|c| c != '"') {
            self.copy();
        }
        self.copy();
        let mut text = String::new();
        loop {
            let closes = self.peek(0) == Some('"')
                && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            if closes || self.peek(0).is_none() {
                break;
            }
            text.extend(self.blank());
        }
        for _ in 0..=hashes {
            self.copy();
        }
        text
    }

    /// A character literal and no lifetime.
    fn is_character(&self) -> bool {
        self.peek(1) == Some('\\') || self.peek(2) == Some('\'')
    }

    fn character(&mut self) {
        self.copy();
        if self.blank() == Some('\\') {
            self.blank();
        }
        while self.peek(0).is_some_and(|c| c != '\'') {
            self.blank();
        }
        self.copy();
    }
}

//! The syntax tree of a ser.cfg, as written: every node keeps its place in the file.

use crate::core::msg::RouteKind;
pub use crate::core::net::SocketId;
use std::net::IpAddr;

/// A stretch of one source file: byte offsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// From the start of this to `end`.
    pub fn to(self, end: usize) -> Span {
        Span {
            start: self.start,
            end: end as u32,
        }
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub node: T,
    /// Where it stands.
    pub span: Span,
}

/// A whole file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Top-level statements in order.
    pub items: Vec<Item>,
}

/// A top-level statement.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Item {
    /// `name = value`
    Assign {
        name: Spanned<String>,
        values: Vec<Spanned<ParamValue>>,
    },
    /// `flags a, b:7`
    Flags(Vec<FlagDecl>),
    /// `group.name = value desc "text"`
    Variable {
        group: Spanned<String>,
        name: Spanned<String>,
        value: Spanned<Literal>,
    },
    /// `avpflags a, b`
    AvpFlags(Vec<Spanned<String>>),
    LoadModule(Spanned<Vec<u8>>),
    ModParam {
        modules: Spanned<Vec<u8>>,
        name: Spanned<Vec<u8>>,
        value: Spanned<Literal>,
    },
    Route(RouteBlock),
}

/// One name of a `flags` declaration.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct FlagDecl {
    pub name: Spanned<String>,
    pub number: Option<Spanned<i64>>,
}

/// A number or a string.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Literal {
    Int(i64),
    Str(Vec<u8>),
}

/// What may stand behind `name =` at the top level.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum ParamValue {
    Int(i64),
    Str(Vec<u8>),
    Id(String),
    Ip(IpAddr),
    /// listen/alias entry `[proto:]id[:port]`
    Socket(SocketId),
    /// `auto(MIN, MAX)`
    Auto(i64, i64),
}

/// A route block.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct RouteBlock {
    pub kind: RouteKind,
    /// `None`: the unnamed block, which is "0".
    pub name: Option<Spanned<String>>,
    pub body: Vec<Stmt>,
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What it does.
    pub kind: StmtKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of statement.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum StmtKind {
    /// Core command or module function: `name`, `name(args)`.
    Call(Call),
    If {
        arms: Vec<Arm>,
        otherwise: Vec<Stmt>,
    },
    /// `$attr = value`
    AssignAvp {
        target: Spanned<String>,
        value: AssignValue,
    },
    Block(Vec<Stmt>),
}

/// One `if` or `else if` of a chain.
#[derive(Clone, Debug)]
pub struct Arm {
    /// `None`: it could not be read, which was reported.
    pub cond: Option<Expr>,
    /// What is executed.
    pub body: Vec<Stmt>,
    /// From the `if` to the end of the condition.
    pub span: Span,
}

/// A core command or module function as written.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Call {
    pub name: Spanned<String>,
    pub args: Vec<Spanned<ArgValue>>,
    /// Parentheses were written (`append_branch;` and `append_branch();` differ).
    pub parens: bool,
}

/// One argument as written.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum ArgValue {
    Int(i64),
    Str(Vec<u8>),
    Id(String),
    Host(String),
    Ip(IpAddr),
    /// `$attr` with its text (no `$`).
    Avp(String),
    /// `@select` with its text (no `@`).
    Select(String),
    /// `uri:host`
    UriHost,
    /// `uri:port`
    UriPort,
    /// `$?`
    RetCode,
    Socket(SocketId),
}

/// The right side of an assignment to an attribute.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum AssignValue {
    Int(i64),
    Str(Vec<u8>),
    Avp(Spanned<String>),
    Select(Spanned<String>),
    Call(Call),
    /// `( expression )`
    Expr(Box<Expr>),
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of expression.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ExprKind {
    /// `a && b && …`
    All(Vec<Expr>),
    /// `a || b || …`
    Any(Vec<Expr>),
    Not(Box<Expr>),
    Compare {
        left: Spanned<Operand>,
        op: Spanned<CmpOp>,
        right: Spanned<Right>,
    },
    /// An operand that stands alone.
    Test(Operand),
    /// `$attr & NUMBER`, `$attr | NUMBER`
    Bits {
        attr: Spanned<String>,
        and: bool,
        mask: i64,
    },
    Call(Call),
    AssignAvp {
        target: Spanned<String>,
        value: Box<AssignValue>,
    },
    /// `{ actions }` as an expression.
    Actions(Vec<Stmt>),
}

/// Comparison operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum CmpOp {
    Eq,
    Ne,
    Match,
    Lt,
    Gt,
    Le,
    Ge,
}

/// The left side of a comparison.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Operand {
    Method,
    /// `uri`, `status`
    Uri,
    FromUri,
    ToUri,
    SrcIp,
    DstIp,
    SndIp,
    ToIp,
    SrcPort,
    DstPort,
    SndPort,
    ToPort,
    Proto,
    SndProto,
    Af,
    SndAf,
    MsgLen,
    RetCode,
    Myself,
    Int(i64),
    /// Text without `$`.
    Avp(String),
    /// Text without `@`.
    Select(String),
}

/// The right side of a comparison.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Right {
    Int(i64),
    Str(Vec<u8>),
    Id(String),
    Host(String),
    Ip(IpAddr),
    /// Network with prefix length.
    Net(IpAddr, u8),
    Avp(String),
    Select(String),
    Myself,
    MaxLen,
    /// `myself == uri`: the operand on the right.
    Operand(Operand),
}

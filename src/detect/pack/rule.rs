//! Rules, and what was said about them, as bytes.

use super::super::Problem;
use super::super::document::Draft;
use super::super::routing::Logsource;
use super::super::select::Labels;
use super::bytes::{Read, Reader, Writer};
use super::expr::{Conditions, Shared};
use crate::model::rule::{Level, Narrowing, Route, RuleMeta, Stage};

const LEVELS: [Level; 5] = [Level::Informational, Level::Low, Level::Medium, Level::High, Level::Critical];

pub(super) fn write(draft: &Draft, shared: &Shared, out: &mut Writer) {
    let Draft { meta, refs, labels, logsource, stated, mapped, expr, size, filters } = draft;
    write_meta(meta, out);
    out.list(refs, |out, name| out.text(name));
    out.option(labels.status.as_deref());
    out.list(&labels.tags, |out, tag| out.text(tag));
    write_source(logsource, out);
    write_source(stated, out);
    out.list(mapped, |out, step| out.number(*step as u64));
    out.number(*size as u64);
    out.number(*filters as u64);
    shared.write(expr, out);
}

pub(super) fn read(conditions: &Conditions<'_>, from: &mut Reader<'_>) -> Read<Draft> {
    Ok(Draft {
        meta: meta(from)?,
        refs: from.list(Reader::text)?,
        labels: Labels { status: from.option()?, tags: from.list(Reader::text)? },
        logsource: source(from)?,
        stated: source(from)?,
        mapped: from.list(|from| Ok(from.small()? as usize))?,
        size: from.small()? as usize,
        filters: from.small()? as usize,
        expr: conditions.read(from)?,
    })
}

fn write_meta(meta: &RuleMeta, out: &mut Writer) {
    let RuleMeta { id, title, level, stage, attack, route, author, file } = meta;
    out.text(id);
    out.text(title);
    out.byte(*level as u8);
    out.list(stage, |out, stage| out.byte(*stage as u8));
    out.list(attack, |out, technique| out.text(technique));
    out.list(route.as_slice(), |out, route| out.byte(*route as u8));
    out.option(author.as_deref());
    out.text(file);
}

fn meta(from: &mut Reader<'_>) -> Read<RuleMeta> {
    Ok(RuleMeta {
        id: from.text()?,
        title: from.text()?,
        level: from.one_of(&LEVELS)?,
        stage: from.list(|from| from.one_of(&Stage::ALL))?,
        attack: from.list(Reader::text)?,
        route: from.list(|from| from.one_of(&Route::ALL))?.pop(),
        author: from.option()?,
        file: from.text()?,
    })
}

fn write_source(source: &Logsource, out: &mut Writer) {
    [&source.product, &source.category, &source.service].into_iter().for_each(|part| out.option(part.as_deref()));
}

fn source(from: &mut Reader<'_>) -> Read<Logsource> {
    Ok(Logsource { product: from.option()?, category: from.option()?, service: from.option()? })
}

pub(super) fn write_problem(out: &mut Writer, problem: &Problem) {
    let Problem { file, line, column, rule, what } = problem;
    out.text(file);
    out.number(*line);
    out.number(*column);
    out.text(rule);
    out.text(what);
}

pub(super) fn problem(from: &mut Reader<'_>) -> Read<Problem> {
    let (file, line, column) = (from.text()?, from.number()?, from.number()?);
    Ok(Problem { file, line, column, rule: from.text()?, what: from.text()? })
}

pub(super) fn write_narrowing(out: &mut Writer, narrowing: &Narrowing) {
    let Narrowing { file, line, column, title, rules, excludes } = narrowing;
    out.text(file);
    out.number(*line);
    out.number(*column);
    out.text(title);
    out.number(*rules);
    out.flag(*excludes);
}

pub(super) fn narrowing(from: &mut Reader<'_>) -> Read<Narrowing> {
    let (file, line, column) = (from.text()?, from.number()?, from.number()?);
    Ok(Narrowing { file, line, column, title: from.text()?, rules: from.number()?, excludes: from.flag()? })
}

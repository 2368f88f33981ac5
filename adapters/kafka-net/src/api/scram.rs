//! Users' SCRAM credentials.

use dolmen_kafka::acl::Operation;
use dolmen_kafka::messages::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse, alter_user_scram_credentials_response as altered,
    describe_user_scram_credentials_response as described,
};
use dolmen_kafka::scram::{Credential, Mechanism, Refusal, Upsertion};
use dolmen_kafka::{ErrorCode, WireError};

use super::authorize::Gate;
use super::{Call, blocking};
use crate::sasl::kept;
use crate::server::Reply;

/// Handles DescribeUserScramCredentials.
pub fn describe(call: &Call) -> Result<Reply, WireError> {
    let request: DescribeUserScramCredentialsRequest<'_> = call.request()?;
    if let Err(code) = Gate::of(call).cluster(Operation::Describe) {
        return call.answer(&DescribeUserScramCredentialsResponse {
            error_code: code.0,
            error_message: Some(code.about()),
            ..Default::default()
        });
    }
    let users: Vec<&str> =
        request.users.iter().flat_map(|users| users.iter()).map(|user| user.name).collect();
    let known = call.state.catalog.known();
    let told = known.topics.credentials().describe(&users);
    let credential = |(mechanism, iterations): &(Mechanism, i32)| described::CredentialInfo {
        mechanism: *mechanism as i8,
        iterations: *iterations,
        ..Default::default()
    };
    let results = told.iter().map(|(user, told)| {
        let mut one = described::DescribeUserScramCredentialsResult { user, ..Default::default() };
        match told {
            Ok(credentials) => one.credential_infos = credentials.iter().map(credential).collect(),
            Err((code, why)) => (one.error_code, one.error_message) = (code.0, Some(*why)),
        }
        one
    });
    let results = results.collect();
    call.answer(&DescribeUserScramCredentialsResponse { results, ..Default::default() })
}

/// Handles AlterUserScramCredentials: it is on record before it is answered.
pub async fn alter(call: &Call) -> Result<Reply, WireError> {
    let request: AlterUserScramCredentialsRequest<'_> = call.request()?;
    let deletions: Vec<(String, i8)> =
        request.deletions.iter().map(|one| (one.name.to_owned(), one.mechanism)).collect();
    let upsertions: Vec<(String, i8, Credential)> = request
        .upsertions
        .iter()
        .map(|one| {
            // One of no mechanism is refused, whatever is made of it here.
            let mechanism = Mechanism::from_code(one.mechanism).unwrap_or(Mechanism::Sha256);
            let credential = kept(mechanism, one.salted_password, one.salt.to_vec(), one.iterations);
            (one.name.to_owned(), one.mechanism, credential)
        })
        .collect();
    let permitted = Gate::of(call).cluster(Operation::Alter);
    let state = call.state.clone();
    let changed = blocking(move || {
        permitted?;
        state.catalog.change(|topics| {
            let deletions: Vec<(&str, i8)> =
                deletions.iter().map(|(user, mechanism)| (user.as_str(), *mechanism)).collect();
            let upsertions: Vec<Upsertion<'_>> = upsertions
                .iter()
                .map(|(user, mechanism, credential)| Upsertion {
                    user,
                    mechanism: *mechanism,
                    credential: credential.clone(),
                })
                .collect();
            let (results, records) = topics.credentials().decide_alter(&deletions, &upsertions)?;
            let results = results.into_iter().map(|(user, result)| (user.to_owned(), result));
            Ok((results.collect::<Vec<(String, Result<(), Refusal>)>>(), records))
        })
    });
    let results = match changed.await {
        Ok(results) => results,
        Err(code) => {
            let users = request.deletions.iter().map(|one| one.name);
            let users = users.chain(request.upsertions.iter().map(|one| one.name));
            users.map(|user| (user.to_owned(), Err((code, code.about())))).collect()
        }
    };
    let results = results.iter().map(|(user, result)| {
        let (code, why) = result.err().unzip();
        altered::AlterUserScramCredentialsResult {
            user,
            error_code: code.unwrap_or(ErrorCode::NONE).0,
            error_message: why,
            ..Default::default()
        }
    });
    let results = results.collect();
    call.answer(&AlterUserScramCredentialsResponse { results, ..Default::default() })
}

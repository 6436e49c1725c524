//! Which applications have which client id.

use jiff::{SignedDuration, Timestamp};

use crate::vault::StoredApplication;

/// How long a look at the estate is good for. A hit stays right for much longer: a client id
/// never changes.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(5);

/// How long a look counts for a client id that it did not show. A message that matches no
/// application comes back many times within a minute on its way to the dead-letter queue, and
/// must not read the whole estate every time.
const MISS_GOOD_FOR: SignedDuration = SignedDuration::from_secs(20);

/// A look at the estate, kept by one execution environment.
#[derive(Debug, Clone)]
pub struct ClientIds {
    applications: Vec<StoredApplication>,
    seen_at: Timestamp,
}

impl ClientIds {
    /// What was seen at an instant.
    pub const fn new(applications: Vec<StoredApplication>, seen_at: Timestamp) -> Self {
        Self {
            applications,
            seen_at,
        }
    }

    /// Whether this look still tells whose a client id is.
    pub fn is_good_for(&self, client_id: &str, now: Timestamp) -> bool {
        let limit = if self.with(client_id).is_empty() {
            MISS_GOOD_FOR
        } else {
            GOOD_FOR
        };
        now.duration_since(self.seen_at).abs() < limit
    }

    /// The applications with a client id. More than one may have it: the same Amazon
    /// application can be kept under several roots, and then they share one secret.
    pub fn with(&self, client_id: &str) -> Vec<StoredApplication> {
        let has_id = |found: &&StoredApplication| found.client_id.as_deref() == Some(client_id);
        self.applications.iter().filter(has_id).cloned().collect()
    }

    /// The applications in groups that share a client id, each group in the order of names; last
    /// and alone, each application whose client id is missing.
    pub fn groups(&self) -> Vec<Vec<StoredApplication>> {
        let mut groups: Vec<Vec<StoredApplication>> = Vec::new();
        let mut missing = Vec::new();
        for application in self.applications.iter().cloned() {
            if application.client_id.is_none() {
                missing.push(vec![application]);
                continue;
            }
            match groups
                .iter_mut()
                .find(|group| group[0].client_id == application.client_id)
            {
                Some(group) => group.push(application),
                None => groups.push(vec![application]),
            }
        }
        groups.append(&mut missing);
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::ApplicationName;

    fn application(name: &str, client_id: Option<&str>) -> StoredApplication {
        StoredApplication {
            name: ApplicationName::parse(name).unwrap(),
            client_id: client_id.map(str::to_owned),
            version: None,
            written_at: None,
            write_problem: None,
        }
    }

    fn names(found: &[StoredApplication]) -> Vec<String> {
        found.iter().map(|found| found.name.to_string()).collect()
    }

    #[test]
    fn roots_that_share_a_client_id_are_found_together() {
        let estate = ClientIds::new(
            vec![
                application("a", Some("one")),
                application("b", None),
                application("c", Some("two")),
                application("d", Some("one")),
            ],
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(names(&estate.with("one")), ["a", "d"]);
        assert!(estate.with("three").is_empty());
        let groups: Vec<_> = estate.groups().iter().map(|group| names(group)).collect();
        assert_eq!(groups, [vec!["a", "d"], vec!["c"], vec!["b"]]);
    }

    #[test]
    fn a_miss_is_looked_up_again_sooner_than_a_hit() {
        let estate = ClientIds::new(vec![application("a", Some("one"))], Timestamp::UNIX_EPOCH);
        let good = |id, seconds| estate.is_good_for(id, Timestamp::from_second(seconds).unwrap());
        assert!(good("one", 299) && !good("one", 300));
        assert!(good("two", 19) && !good("two", 20));
    }
}

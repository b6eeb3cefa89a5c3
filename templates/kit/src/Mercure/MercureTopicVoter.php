<?php

// made by mercure-deploy kit

declare(strict_types=1);

namespace App\Mercure;

use Symfony\Component\Security\Core\Authentication\Token\TokenInterface;
use Symfony\Component\Security\Core\Authorization\Voter\Vote;
use Symfony\Component\Security\Core\Authorization\Voter\Voter;

/**
 * Which private updates a user may see: the one place that decides. Make it yours.
 *
 * As it is, each user sees one topic, of that user alone: publish there what only that user may see. For more, say here
 * who sees what, as in `return $token->getUser() === $this->books->ofTopic($subject)?->getOwner();`.
 *
 * More than 90 topics do not fit into a cookie: let the page ask for a pattern, `{{ app }}/books/{id}`, and grant that.
 *
 * @extends Voter<'MERCURE_SUBSCRIBE', string>
 */
final class MercureTopicVoter extends Voter
{
    /** The topic of one user. */
    public static function topicOf(string $identifier): string
    {
        return '{{ app }}/users/'.rawurlencode($identifier);
    }

    protected function supports(string $attribute, mixed $subject): bool
    {
        return MercureTokenController::SUBSCRIBE === $attribute && \is_string($subject);
    }

    protected function voteOnAttribute(string $attribute, mixed $subject, TokenInterface $token, ?Vote $vote = null): bool
    {
        $user = $token->getUser();

        return null !== $user && self::topicOf($user->getUserIdentifier()) === $subject;
    }
}
